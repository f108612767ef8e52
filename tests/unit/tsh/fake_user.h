/*
 * fake_user - somebody with a home of their own and an account at the fake proxy.
 */
#ifndef TESTS_FAKE_USER_H
#define TESTS_FAKE_USER_H

#include "tsh/cmd.h"

#include "tests/unit/tsh/fake_proxy.h"

#include <unistd.h>

struct fake_user {
	char top[64]; /* a folder that goes away again */
	struct tsh tsh;
	struct fake_proxy proxy;
	char address[32];
	char pin[PIN_TEXT_SIZE];
};

static inline void fake_user_write(const struct fake_user *u, const char *name, const char *text)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", u->top, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The file that `tsh login` reads the password from. */
static inline void fake_user_password(const struct fake_user *u, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", u->top, name);
	setenv("TSH_PASSWORD_FILE", path, 1);
}

static inline void fake_user_open(struct fake_user *u)
{
	strcpy(u->top, "/tmp/test_tsh.XXXXXX");
	assert_non_null(mkdtemp(u->top));
	uv_loop_init(&u->tsh.loop);
	fake_proxy_open(&u->proxy, &u->tsh.loop);
	fake_proxy_pin(&u->proxy, u->pin);
	snprintf(u->address, sizeof(u->address), "127.0.0.1:%u", listen_port(u->proxy.listen));
	u->tsh.home = str_printf("%s/tsh", u->top);
	u->tsh.program = strdup("/usr/bin/tsh");
	u->tsh.proxy = u->address;
	u->tsh.user = "alice";
	u->tsh.clock = &u->proxy.clock.clock;
	fake_user_write(u, "password", FAKE_PASSWORD "\n");
	fake_user_password(u, "password");
}

static inline void fake_user_close(struct fake_user *u)
{
	char command[128];

	fake_proxy_close(&u->proxy);
	assert_int_equal(uv_loop_close(&u->tsh.loop), 0); /* nothing leaked */
	free(u->tsh.home);
	free(u->tsh.program);
	snprintf(command, sizeof(command), "rm -rf '%s'", u->top);
	assert_int_equal(system(command), 0);
}

static inline int fake_user_try(struct fake_user *u, const char *pin, struct err *err)
{
	char option[PIN_TEXT_SIZE + 16];
	char *argv[] = { option };

	snprintf(option, sizeof(option), "--ca-pin=%s", pin);
	return cmd_login(&u->tsh, 1, argv, err);
}

static inline void fake_user_log_in(struct fake_user *u)
{
	struct err err = { 0 };

	if (fake_user_try(u, u->pin, &err) != 0)
		fail_msg("%s", err.msg);
}

#endif

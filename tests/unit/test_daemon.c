#include "daemon/daemon.h"

#include "tests/unit/unit.h"

#include "base/err.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

struct settings {
	char *name;
};

static const struct conf_key keys[] = {
	{ "name", CONF_STRING, offsetof(struct settings, name), NULL, "a name", .required = true },
	{ 0 },
};

static const struct daemon_spec spec = { "testd", keys };

/* Runs daemon_begin() with standard output and error in `out`. */
static int begin(const char *const *words, struct settings *settings, char *out, size_t size)
{
	char file[] = "/tmp/postern-test-daemon.XXXXXX";
	int fd = mkstemp(file);
	int saved[2] = { dup(1), dup(2) };
	char name[] = "testd";
	char *argv[8] = { name };
	int argc = 1;
	ssize_t len;
	int rc;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	fflush(stdout);
	dup2(fd, 1);
	dup2(fd, 2);
	rc = daemon_begin(&spec, argc, argv, settings);
	fflush(stdout);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
	len = pread(fd, out, size - 1, 0);
	out[len < 0 ? 0 : len] = 0;
	close(fd);
	unlink(file);
	return rc;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void options_that_only_tell_something_end_the_daemon(void **state)
{
	static const char *const version[] = { "--version", NULL };
	static const char *const help[] = { "--help", NULL };
	static const char *const wrong[] = { "--colour", NULL };
	static const char *const word[] = { "start", NULL };
	struct settings settings;
	char out[1024];

	(void)state;
	assert_int_equal(begin(version, &settings, out, sizeof(out)), 0);
	assert_string_equal(out, "testd " POSTERN_VERSION "\n");
	assert_int_equal(begin(help, &settings, out, sizeof(out)), 0);
	assert_memory_equal(out, "usage: testd ", 13);
	assert_int_equal(begin(wrong, &settings, out, sizeof(out)), 2);
	assert_non_null(strstr(out, "colour"));
	assert_int_equal(begin(word, &settings, out, sizeof(out)), 2);
	assert_non_null(strstr(out, "what is 'start'?"));
}

static void settings_come_from_the_file_that_is_named(void **state)
{
	char path[] = "/tmp/postern-test-conf.XXXXXX";
	const char *const run[] = { "--config", path, NULL };
	const char *const check[] = { "--config", path, "--check-config", NULL };
	struct settings settings;
	char out[1024];

	(void)state;
	close(mkstemp(path));
	write_file(path, "name: web\n");
	assert_int_equal(begin(check, &settings, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "is in order"));
	assert_int_equal(begin(run, &settings, out, sizeof(out)), DAEMON_RUN);
	assert_string_equal(settings.name, "web");
	assert_string_equal(daemon_config_file(), path);
	conf_deinit(keys, &settings);
	write_file(path, "nmae: web\n");
	assert_int_equal(begin(check, &settings, out, sizeof(out)), 1);
	assert_non_null(strstr(out, ":1: nmae"));
	unlink(path);
}

static void on_stop(void *ctx)
{
	((int *)ctx)[0]++;
}

static void on_reload(void *ctx)
{
	((int *)ctx)[1]++;
}

static void signals_reach_their_hooks(void **state)
{
	int calls[2] = { 0 };
	const struct daemon_hooks hooks = { calls, on_stop, on_reload };
	struct daemon *d;
	struct err err;
	uv_loop_t loop;

	(void)state;
	uv_loop_init(&loop);
	assert_int_equal(daemon_open(&loop, &hooks, &d, &err), 0);
	kill(getpid(), SIGHUP);
	while (calls[1] == 0)
		uv_run(&loop, UV_RUN_ONCE);
	kill(getpid(), SIGTERM);
	while (calls[0] == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(calls[0], 1);
	assert_int_equal(calls[1], 1);
	daemon_close(d);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* Stands in for systemd's end of the socket. */
struct listener {
	char dir[64];
	char path[80];
	char text[128];
	int fd;
};

static void listener_open(struct listener *l)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(l->dir, "/tmp/postern-test-notify.XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	snprintf(l->path, sizeof(l->path), "%s/notify", l->dir);
	memcpy(addr.sun_path, l->path, strlen(l->path) + 1);
	l->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", l->path, 1);
}

static void listener_close(struct listener *l)
{
	unsetenv("NOTIFY_SOCKET");
	close(l->fd);
	unlink(l->path);
	rmdir(l->dir);
}

/* What was said, "" for nothing. */
static const char *listener_read(struct listener *l)
{
	ssize_t len = recv(l->fd, l->text, sizeof(l->text) - 1, MSG_DONTWAIT);

	l->text[len > 0 ? len : 0] = 0;
	return l->text;
}

static void systemd_is_told_where_it_asked(void **state)
{
	struct listener l;

	(void)state;
	listener_open(&l);
	daemon_ready("serving");
	assert_string_equal(listener_read(&l), "READY=1\nSTATUS=serving");
	unsetenv("NOTIFY_SOCKET");
	daemon_stopping();
	assert_string_equal(listener_read(&l), "");
	listener_close(&l);
}

static void the_watchdog_gets_signs_of_life_while_the_loop_turns(void **state)
{
	int calls[2] = { 0 };
	const struct daemon_hooks hooks = { calls, on_stop, on_reload };
	struct listener l;
	struct daemon *d;
	struct err err;
	uv_loop_t loop;

	(void)state;
	listener_open(&l);
	uv_loop_init(&loop);
	setenv("WATCHDOG_USEC", "9000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* another's */
	assert_int_equal(daemon_open(&loop, &hooks, &d, &err), 0);
	daemon_close(d);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(listener_read(&l), "");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(daemon_open(&loop, &hooks, &d, &err), 0);
	for (int signs = 0; signs < 3; uv_run(&loop, UV_RUN_NOWAIT))
		signs += strcmp(listener_read(&l), "WATCHDOG=1") == 0;
	daemon_close(d);
	unsetenv("WATCHDOG_USEC");
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	listener_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_only_tell_something_end_the_daemon),
		cmocka_unit_test(settings_come_from_the_file_that_is_named),
		cmocka_unit_test(signals_reach_their_hooks),
		cmocka_unit_test(systemd_is_told_where_it_asked),
		cmocka_unit_test(the_watchdog_gets_signs_of_life_while_the_loop_turns),
	};

	return unit_run(tests);
}

#include "daemon/daemon.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/args.h"
#include "loop/stream.h"
#include "loop/timer.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#define CONFIG_PATH_MAX 512

/* --- options and settings -------------------------------------------------------------------- */

struct options {
	const char *config;
	bool check;
	bool defaults;
	bool version;
	bool help;
};

static int parse_options(const struct daemon_spec *spec, int argc, char **argv, struct options *out,
                         struct err *err)
{
	const struct args_option rows[] = {
		{ "config", 'c', ARGS_TEXT, &out->config },
		{ "check-config", 0, ARGS_FLAG, &out->check },
		{ "print-defaults", 0, ARGS_FLAG, &out->defaults },
		{ "version", 0, ARGS_FLAG, &out->version },
		{ "help", 'h', ARGS_FLAG, &out->help },
		{ 0 },
	};
	const struct args_option *const tables[] = { rows, spec->options, NULL };
	int words = argc > 0 ? argc - 1 : 0;

	if (args_parse(tables, 0, &words, argv + 1, err) != 0)
		return err->code;
	return words == 0 ? 0 : err_set(err, ERR_INVALID, "what is '%s'?", argv[1]);
}

static char config_file[CONFIG_PATH_MAX];

const char *daemon_config_file(void)
{
	return config_file;
}

static int load_settings(const struct daemon_spec *spec, const char *file, void *out_conf,
                         struct err *err)
{
	int len;

	if (file != NULL)
		len = snprintf(config_file, sizeof(config_file), "%s", file);
	else
		len = snprintf(config_file, sizeof(config_file), "/etc/postern/%s.yaml",
		               spec->name);
	if ((size_t)len >= sizeof(config_file))
		return err_set(err, ERR_INVALID, "the name of the settings' file is too long");
	return conf_load(spec->keys, config_file, out_conf, err);
}

static int usage(const struct daemon_spec *spec, FILE *to)
{
	fprintf(to, "usage: %s [--config FILE] [--check-config] [--print-defaults] [--version]%s\n",
	        spec->name, spec->usage != NULL ? spec->usage : "");
	return to == stdout ? 0 : 2;
}

int daemon_fail(const char *name, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", name, err->msg);
	return 1;
}

/* A settings file to begin with. */
static int print_defaults(const struct daemon_spec *spec)
{
	struct buf text = { 0 };
	struct err err;
	int rc = conf_print_defaults(spec->keys, &text, &err);

	if (rc == 0)
		fputs(buf_str(&text), stdout);
	buf_deinit(&text);
	return rc == 0 ? 0 : daemon_fail(spec->name, &err);
}

/* Daemons hold keys: no core file and no debugger of the same user gets at them. */
static void hide_memory(void)
{
#ifndef __SANITIZE_ADDRESS__ /* its leak check is such a debugger */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

int daemon_begin(const struct daemon_spec *spec, int argc, char **argv, void *out_conf)
{
	struct options options = { 0 };
	struct err err;

	if (parse_options(spec, argc, argv, &options, &err) != 0) {
		daemon_fail(spec->name, &err);
		return usage(spec, stderr);
	}
	if (options.help)
		return usage(spec, stdout);
	if (options.version) {
		printf("%s %s\n", spec->name, POSTERN_VERSION);
		return 0;
	}
	if (options.defaults)
		return print_defaults(spec);
	if (load_settings(spec, options.config, out_conf, &err) != 0)
		return daemon_fail(spec->name, &err);
	if (options.check) {
		conf_deinit(spec->keys, out_conf);
		printf("%s: %s is in order\n", spec->name, config_file);
		return 0;
	}
	hide_memory();
	log_open(spec->name, LOG_LEVEL_INFO);
	return DAEMON_RUN;
}

/* --- systemd --------------------------------------------------------------------------------- */

/* One datagram to the socket that systemd named; a name with '@' in front is an abstract one. */
static void notify(const char *text)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	socklen_t len;
	int fd;

	if (str_empty(path) || str_copy(addr.sun_path, sizeof(addr.sun_path), path) != 0)
		return;
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody to tell it to if this fails: systemd's own time-out will say so. */
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
		fprintf(stderr, "sd_notify: %s\n", strerror(errno));
	close(fd);
}

/* How often systemd wants a sign of life (sd_watchdog_enabled(3)); 0: never. */
static int64_t watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	struct err ignored;
	int64_t n;

	if (pid != NULL && (str_to_i64(pid, 1, INT32_MAX, &n, &ignored) != 0 || n != getpid()))
		return 0;
	if (usec == NULL || str_to_i64(usec, 1, INT64_MAX, &n, &ignored) != 0)
		return 0;
	return n / 1000;
}

static void on_watchdog(void *owner)
{
	(void)owner;
	notify("WATCHDOG=1");
}

/* --- signals --------------------------------------------------------------------------------- */

static const int caught[] = { SIGTERM, SIGINT, SIGHUP };

#define CAUGHT (sizeof(caught) / sizeof(*caught))

struct daemon {
	const struct daemon_hooks *hooks;
	uv_signal_t signals[CAUGHT];
	unsigned open; /* signal handles */
	bool stopping;
	struct timer *watchdog; /* NULL: systemd wants no sign of life */
};

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;

	if (number == SIGHUP) {
		if (d->hooks->reload != NULL)
			d->hooks->reload(d->hooks->ctx);
		return;
	}
	if (d->stopping)
		_exit(1);
	d->stopping = true;
	daemon_stopping();
	d->hooks->stop(d->hooks->ctx);
}

static void on_signal_closed(uv_handle_t *handle)
{
	struct daemon *d = handle->data;

	if (--d->open == 0)
		free(d);
}

static int start_watchdog(struct daemon *d, uv_loop_t *loop, struct err *err)
{
	int64_t ms = watchdog_ms();

	if (ms == 0)
		return 0;
	d->watchdog = timer_new(loop, on_watchdog, d);
	if (d->watchdog == NULL)
		return err_set_nomem(err);
	timer_unref(d->watchdog);
	timer_every(d->watchdog, ms / 3);
	return 0;
}

int daemon_open(uv_loop_t *loop, const struct daemon_hooks *hooks, struct daemon **out,
                struct err *err)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int rc = 0;

	if (d == NULL)
		return err_set_nomem(err);
	d->hooks = hooks;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < CAUGHT && rc == 0; i++) {
		uv_signal_init(loop, &d->signals[i]);
		d->signals[i].data = d;
		d->open++;
		rc = uv_signal_start(&d->signals[i], on_signal, caught[i]);
	}
	if (rc != 0) {
		daemon_close(d);
		return err_set(err, ERR_IO, "catch signals: %s", uv_strerror(rc));
	}
	stream_keep_memory();
	if (start_watchdog(d, loop, err) != 0) {
		daemon_close(d);
		return err->code;
	}
	*out = d;
	return 0;
}

void daemon_close(struct daemon *d)
{
	unsigned open;

	if (d == NULL)
		return;
	timer_free(d->watchdog);
	open = d->open;
	for (unsigned i = 0; i < open; i++)
		uv_close((uv_handle_t *)&d->signals[i], on_signal_closed);
}

void daemon_ready(const char *status)
{
	char text[512];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	notify(text);
}

void daemon_reloading(void)
{
	char text[128];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	         (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify(text);
}

void daemon_stopping(void)
{
	notify("STOPPING=1");
}

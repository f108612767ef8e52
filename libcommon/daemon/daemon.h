/*
 * daemon - what the life of every daemon has in common: options, settings, signals, readiness.
 *
 *   int main(int argc, char **argv)
 *   {
 *           const struct daemon_spec spec = { "authd", authd_conf_keys() };
 *           struct authd_conf conf;
 *           int status = daemon_begin(&spec, argc, argv, &conf);
 *
 *           if (status != DAEMON_RUN)
 *                   return status;
 *           ... daemon_open(), open the parts, daemon_ready(), uv_run() ...
 *   }
 *
 * Options: --config FILE (else /etc/postern/<name>.yaml), --check-config, --print-defaults,
 * --version, --help.
 * SIGTERM and SIGINT ask for an orderly end, a second one ends at once; SIGHUP asks to reload.
 * From daemon_begin() on the process leaves no core file and no process of its own user can look
 * into it.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "conf/conf.h"

typedef struct uv_loop_s uv_loop_t;
struct args_option;
struct daemon;
struct err;

struct daemon_spec {
	const char *name;
	const struct conf_key *keys;
	const struct args_option *options; /* more of its own; NULL: none */
	const char *usage;                 /* what --help says of them; NULL: nothing */
};

#define DAEMON_RUN (-1)

/*
 * Reads options and settings, opens the log. DAEMON_RUN: go on, out_conf is filled. Anything else
 * is the status to exit with: it was an option that only tells something, or a mistake, which is
 * reported on standard error.
 */
int daemon_begin(const struct daemon_spec *spec, int argc, char **argv, void *out_conf);

/* The file that settings were read from; for a reload. */
const char *daemon_config_file(void);

struct daemon_hooks {
	void *ctx;
	void (*stop)(void *ctx);   /* SIGTERM, SIGINT: end when what is under way is done */
	void (*reload)(void *ctx); /* SIGHUP; may be NULL */
};

/* Catches signals from now on, ignores SIGPIPE, and gives systemd its signs of life where the unit
 * has a WatchdogSec=. The hooks are borrowed. */
int daemon_open(uv_loop_t *loop, const struct daemon_hooks *hooks, struct daemon **out,
                struct err *err);
void daemon_close(struct daemon *d); /* NULL allowed; run the loop once more afterwards */

/* Tell systemd, where it asked (sd_notify(3)): ready to serve, about to reload, about to stop. */
void daemon_ready(const char *status);
void daemon_reloading(void);
void daemon_stopping(void);

/* Reports the failure that ends the daemon, "authd: open keyspace: ...". Returns 1, to exit with.
 */
int daemon_fail(const char *name, const struct err *err);

#endif

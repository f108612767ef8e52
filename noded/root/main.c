/*
 * noded-root - the part of a node that is root: it starts sshd on connections that noded accepted
 * and noded-login for each session, and can end both. It decides nothing: noded does, and asks by
 * the table in control.c. Everything that it knows lies in <run_dir> too, so that it may be
 * restarted under open connections.
 *
 * Whatever it has, sessions inherit: no sandbox, no limits, no open files.
 */
#include "noded/root/attach.h"
#include "noded/root/control.h"
#include "noded/root/root.h"
#include "noded/root/track.h"

#include "base/err.h"
#include "base/log.h"
#include "conf/args.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/postern/noded-root.yaml"

struct options {
	const char *config;
	bool check_only;
	bool version;
};

static int parse_options(int argc, char **argv, struct options *out, struct err *err)
{
	const struct args_option table[] = { { "config", 0, ARGS_TEXT, &out->config },
		                             { "check-config", 0, ARGS_FLAG, &out->check_only },
		                             { "version", 0, ARGS_FLAG, &out->version },
		                             { 0 } };
	const struct args_option *const tables[] = { table, NULL };

	*out = (struct options){ .config = DEFAULT_CONFIG };
	argc--;
	if (args_parse(tables, 0, &argc, argv + 1, err) != 0)
		return err->code;
	return argc == 0 ? 0 : err_set(err, ERR_INVALID, "'%s' is not an option", argv[1]);
}

static void on_signal(struct source *s)
{
	container_of(s, struct root, signals)->stop = true;
}

static int open_signals(struct root *r, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, SIG_IGN); /* pidfds tell of ends; nobody stays a zombie */
	signal(SIGPIPE, SIG_IGN);
	return loop_watch(r->loop, &r->signals, signalfd(-1, &set, SFD_CLOEXEC), EPOLLIN, on_signal,
	                  err);
}

static int find_node_user(struct root *r, struct err *err)
{
	const struct passwd *pw = getpwnam(r->conf.node_user);

	if (pw == NULL)
		return err_set(err, ERR_NOT_FOUND, "no account '%s'", r->conf.node_user);
	r->node_uid = pw->pw_uid;
	return 0;
}

static int open_all(struct root *r, struct err *err)
{
	umask(022);
	r->loop = epoll_create1(EPOLL_CLOEXEC);
	if (r->loop < 0)
		return err_set_errno(err, ERR_IO, errno, "make an epoll");
	if (geteuid() != 0)
		return err_set(err, ERR_DENIED, "must be root");
	if (find_node_user(r, err) != 0 || root_conf_export(&r->conf, err) != 0 ||
	    open_signals(r, err) != 0 || start_surroundings(r, err) != 0 ||
	    track_open(r, err) != 0 || attach_open(r, err) != 0)
		return err->code;
	return control_open(r, err);
}

static void close_all(struct root *r)
{
	control_close(r);
	loop_close(&r->attach);
	track_close(r);
	loop_close(&r->signals);
	loop_close(&r->jails);
	loop_close(&r->logins);
	start_forget(&r->jail);
	if (r->loop >= 0)
		close(r->loop);
	root_conf_deinit(&r->conf);
}

int main(int argc, char **argv)
{
	struct root r = { .jail.ns = -1 };
	struct err err = { 0 };
	struct options options;

	log_open("noded-root", LOG_LEVEL_INFO);
	if (parse_options(argc, argv, &options, &err) != 0)
		goto out;
	if (options.version)
		return puts("noded-root " POSTERN_VERSION) < 0;
	if (root_conf_load(&r.conf, options.config, &err) != 0 || options.check_only) {
		root_conf_deinit(&r.conf);
		goto out;
	}
	list_init(&r.callers);
	list_init(&r.tracks);
	if (open_all(&r, &err) == 0)
		log_info("ready", kv("run_dir", r.conf.run_dir));
	while (err.code == 0 && !r.stop)
		loop_once(r.loop, track_tick(&r));
	close_all(&r);
out:
	if (err.code != 0)
		fprintf(stderr, "noded-root: %s\n", err.msg);
	return err.code != 0;
}

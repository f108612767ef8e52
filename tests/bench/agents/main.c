/*
 * agents - a thousand tunneld in one process, for the benchmarks: hosts that join by --socket and
 * --token as Tunnel, and keep a tunnel to each of --proxy, as tunneld's own pool does.
 *
 * Commands on standard input: lost (a proxy is gone), back (it serves again), quit. What comes of
 * them is told on standard output (swarm.h).
 */
#include "tests/bench/agents/swarm.h"
#include "tests/bench/simulator/console.h"
#include "tests/bench/simulator/identity.h"

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "crypto/pin.h"
#include "crypto/tls.h"
#include "crypto/x509_set.h"
#include "loop/stream.h"
#include "tunnel/tunnel.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct agents {
	uv_loop_t loop;
	struct strlist proxies;
	struct conf_list proxy_list; /* the same, borrowed */
	const char *ca, *socket, *token, *cluster, *count_text;
	size_t count;
	struct x509_set *trust;
	struct identity *identities;
	struct console *console;
	struct swarm *swarm;
};

static void on_line(void *ctx, const char *line)
{
	struct agents *a = ctx;

	if (a->swarm == NULL)
		return;
	if (line == NULL || str_eq(line, "quit")) {
		swarm_close(a->swarm);
		a->swarm = NULL;
		console_close(a->console);
	} else if (str_eq(line, "lost")) {
		swarm_lost(a->swarm);
	} else if (str_eq(line, "back")) {
		swarm_back(a->swarm);
	} else {
		console_say(a->console, "{\"event\": \"error\", \"error\": \"what is '%s'?\"}",
		            line);
	}
}

static int parse(struct agents *a, int *argc, char **argv, struct err *err)
{
	const struct args_option options[] = {
		{ "proxy", 0, ARGS_LIST, &a->proxies },
		{ "ca", 0, ARGS_TEXT, &a->ca },
		{ "socket", 0, ARGS_TEXT, &a->socket },
		{ "token", 0, ARGS_TEXT, &a->token },
		{ "cluster", 0, ARGS_TEXT, &a->cluster },
		{ "count", 0, ARGS_TEXT, &a->count_text },
		{ 0 },
	};
	const struct args_option *const tables[] = { options, NULL };
	int64_t count;

	if (args_parse(tables, 0, argc, argv, err) != 0)
		return err->code;
	if (*argc > 0 || a->proxies.count == 0 || a->ca == NULL || a->socket == NULL ||
	    a->token == NULL)
		return err_set(err, ERR_INVALID,
		               "usage: agents --proxy=... --ca=... --socket=... --token=... "
		               "[--cluster=example] [--count=1000]");
	if (str_to_i64(a->count_text, 1, 100000, &count, err) != 0)
		return err_wrap(err, "--count");
	a->count = (size_t)count;
	a->proxy_list = (struct conf_list){ .items = a->proxies.items, .count = a->proxies.count };
	return 0;
}

static int join(struct agents *a, struct err *err)
{
	static const char *const alpn[] = { TUNNEL_ALPN, PIN_ALPN, NULL };
	const struct identity_kind kind = { "Tunnel", alpn };

	a->identities = calloc(a->count, sizeof(*a->identities));
	if (a->identities == NULL)
		return err_set_nomem(err);
	if (identity_trust(a->ca, &a->trust, err) != 0)
		return err->code;
	return identity_join(&a->loop, a->socket, a->token, &kind, a->trust, a->identities,
	                     a->count, err);
}

static int run(struct agents *a, struct err *err)
{
	struct swarm_conf conf = { .loop = &a->loop,
		                   .proxies = &a->proxy_list,
		                   .cluster = a->cluster,
		                   .count = a->count };

	if (join(a, err) != 0 || console_open(&a->loop, on_line, a, &a->console, err) != 0)
		return err->code;
	conf.identities = a->identities;
	conf.console = a->console;
	if (swarm_open(&conf, &a->swarm, err) != 0)
		return err->code;
	uv_run(&a->loop, UV_RUN_DEFAULT);
	return 0;
}

static void deinit(struct agents *a)
{
	for (size_t i = 0; a->identities != NULL && i < a->count; i++)
		tls_conf_unref(a->identities[i].tls);
	free(a->identities);
	x509_set_unref(a->trust);
	strlist_deinit(&a->proxies);
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct agents a = { .cluster = "example", .count_text = "1000" };
	struct err err = { 0 };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	log_open("agents", LOG_LEVEL_ERROR);
	stream_keep_memory();
	raise_descriptors();
	uv_loop_init(&a.loop);
	argc--;
	rc = parse(&a, &argc, argv + 1, &err);
	if (rc == 0)
		rc = run(&a, &err);
	deinit(&a);
	if (rc != 0)
		fprintf(stderr, "agents: %s\n", err.msg);
	return rc == 0 ? 0 : 1;
}

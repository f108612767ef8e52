/*
 * simulator - many clients of authd, or of etcd, in one process; for the benchmarks.
 *
 *   simulator puts --target=... --clients=10 --run-ms=2000 ...    durable puts a second
 *   simulator herd --target=... --nodes=10000 ...                 members that watch; commands
 *                                                                 come on standard input
 *
 * Who talks shows the certificate of --cert and --key; members of a herd of authd's are nodes that
 * join by --socket and --token first. Commands of a herd: put, state, pulse, pulsed, quit.
 */
#include "tests/bench/simulator/console.h"
#include "tests/bench/simulator/herd.h"
#include "tests/bench/simulator/identity.h"
#include "tests/bench/simulator/pulse.h"
#include "tests/bench/simulator/puts.h"
#include "tests/bench/simulator/target.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "crypto/tls.h"
#include "crypto/x509_set.h"
#include "loop/stream.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PULSE_MS 20

struct simulator {
	uv_loop_t loop;
	const struct target *target;
	struct x509_set *trust;
	struct tls_conf *tls;
	struct strlist addrs;
	const char **addr_list; /* the same, NULL-ended */
	size_t count;           /* clients or nodes */
	const char *socket;
	const char *token;
	unsigned run_ms;

	struct identity *identities;
	struct console *console;
	struct rpc_client *admin;
	struct rpc_client *observer; /* whose watch the pulse needs */
	struct herd *herd;
	struct pulse *pulse;
};

/* --- a herd ---------------------------------------------------------------------------------- */

static void say_pulse(struct simulator *s)
{
	double median, p99, last;
	size_t count = pulse_take(s->pulse, &median, &p99, &last);

	console_say(s->console,
	            "{\"event\": \"pulse\", \"count\": %zu, \"median_ms\": %.3f, "
	            "\"p99_ms\": %.3f, \"last_ms\": %.3f}",
	            count, median, p99, last);
}

static void start_pulse(struct simulator *s)
{
	struct err err;

	if (s->pulse == NULL &&
	    pulse_open(&s->loop, s->admin, s->observer, PULSE_MS, &s->pulse, &err) != 0)
		console_say(s->console, "{\"event\": \"error\", \"error\": \"%s\"}", err.msg);
}

static void quit(struct simulator *s)
{
	if (s->herd == NULL)
		return;
	pulse_close(s->pulse);
	herd_close(s->herd);
	s->herd = NULL;
	rpc_client_close(s->admin, NULL, NULL);
	rpc_client_close(s->observer, NULL, NULL);
	console_close(s->console);
}

static void on_line(void *ctx, const char *line)
{
	struct simulator *s = ctx;

	if (line == NULL || str_eq(line, "quit"))
		quit(s);
	else if (str_eq(line, "put"))
		herd_put(s->herd);
	else if (str_eq(line, "state"))
		herd_state(s->herd);
	else if (str_eq(line, "pulse"))
		start_pulse(s);
	else if (str_eq(line, "pulsed") && s->pulse != NULL)
		say_pulse(s);
	else
		console_say(s->console, "{\"event\": \"error\", \"error\": \"what is '%s'?\"}",
		            line);
}

static int join(struct simulator *s, struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };
	static const struct identity_kind nodes = { "Node", alpn };

	if (s->socket == NULL)
		return 0;
	s->identities = calloc(s->count, sizeof(*s->identities));
	if (s->identities == NULL)
		return err_set_nomem(err);
	return identity_join(&s->loop, s->socket, s->token, &nodes, s->trust, s->identities,
	                     s->count, err);
}

/* Who puts and measures: as the local administrator, if there is a socket, who needs no handshake
 * and so stands behind nobody. */
static struct rpc_client *open_client(struct simulator *s, struct err *err)
{
	char local[256];
	const char *const local_addr[] = { local, NULL };
	const struct rpc_client_conf conf = {
		.loop = &s->loop,
		.service = s->target->puts,
		.addrs = s->socket != NULL ? local_addr : s->addr_list,
		.tls = s->tls,
		.server_name = s->target->server_name,
		.backoff_min_ms = 50, /* who measures is there when there is something to see */
		.backoff_max_ms = 200,
	};

	snprintf(local, sizeof(local), "unix:%s", s->socket != NULL ? s->socket : "");
	return rpc_client_new(&conf, err);
}

static int run_herd(struct simulator *s, struct err *err)
{
	struct herd_conf conf = {
		.loop = &s->loop,
		.target = s->target,
		.addrs = s->addr_list,
		.count = s->count,
		.tls = s->tls,
	};

	if (join(s, err) != 0)
		return err->code;
	s->admin = open_client(s, err);
	s->observer = s->admin != NULL ? open_client(s, err) : NULL;
	if (s->observer == NULL || console_open(&s->loop, on_line, s, &s->console, err) != 0)
		return err->code;
	conf.identities = s->identities;
	conf.admin = s->admin;
	conf.console = s->console;
	if (herd_open(&conf, &s->herd, err) != 0)
		return err->code;
	uv_run(&s->loop, UV_RUN_DEFAULT);
	for (size_t i = 0; s->identities != NULL && i < s->count; i++)
		tls_conf_unref(s->identities[i].tls);
	free(s->identities);
	return 0;
}

/* --- puts ------------------------------------------------------------------------------------ */

static int run_puts(struct simulator *s, struct err *err)
{
	const struct puts_conf conf = {
		.loop = &s->loop,
		.target = s->target,
		.addrs = s->addr_list,
		.tls = s->tls,
		.clients = s->count,
		.run_ms = s->run_ms,
	};

	return puts_run(&conf, err);
}

/* --- main ------------------------------------------------------------------------------------ */

struct words {
	const char *target, *ca, *cert, *key, *count, *run_ms;
};

static int take_number(const char *text, const char *name, int64_t *out, struct err *err)
{
	if (str_to_i64(text, 1, 1000000, out, err) != 0)
		return err_wrap(err, "--%s", name);
	return 0;
}

static const struct target *find_target(const char *name)
{
	const struct target *const all[] = { target_authd(), target_authd_watch(), target_etcd() };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (str_eq(all[i]->name, name))
			return all[i];
	return NULL;
}

static int take_words(struct simulator *s, const struct words *w, struct err *err)
{
	int64_t count, run_ms;

	if (take_number(w->count, "count", &count, err) != 0 ||
	    take_number(w->run_ms, "run-ms", &run_ms, err) != 0)
		return err->code;
	s->count = (size_t)count;
	s->run_ms = (unsigned)run_ms;
	s->target = find_target(w->target);
	if (s->target == NULL)
		return err_set(err, ERR_INVALID, "--target: what is '%s'?", w->target);
	if (s->addrs.count == 0)
		return err_set(err, ERR_INVALID, "--addr is missing");
	s->addr_list = calloc(s->addrs.count + 1, sizeof(*s->addr_list));
	if (s->addr_list == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < s->addrs.count; i++)
		s->addr_list[i] = s->addrs.items[i];
	if (identity_trust(w->ca, &s->trust, err) != 0)
		return err->code;
	return identity_of_files(w->cert, w->key, s->trust, &s->tls, err);
}

static int parse(struct simulator *s, int *argc, char **argv, struct err *err)
{
	struct words w = { "authd", "ca.pem", "client.pem", "client.key", "1", "2000" };
	const struct args_option options[] = {
		{ "target", 0, ARGS_TEXT, &w.target }, { "addr", 0, ARGS_LIST, &s->addrs },
		{ "ca", 0, ARGS_TEXT, &w.ca },         { "cert", 0, ARGS_TEXT, &w.cert },
		{ "key", 0, ARGS_TEXT, &w.key },       { "count", 0, ARGS_TEXT, &w.count },
		{ "run-ms", 0, ARGS_TEXT, &w.run_ms }, { "socket", 0, ARGS_TEXT, &s->socket },
		{ "token", 0, ARGS_TEXT, &s->token },  { 0 },
	};
	const struct args_option *const tables[] = { options, NULL };

	if (args_parse(tables, 0, argc, argv, err) != 0)
		return err->code;
	return take_words(s, &w, err);
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
	struct simulator s = { 0 };
	struct err err = { 0 };
	int rc;

	signal(SIGPIPE, SIG_IGN);
	stream_keep_memory();
	raise_descriptors();
	uv_loop_init(&s.loop);
	argc--;
	rc = parse(&s, &argc, argv + 1, &err);
	if (rc == 0 && argc == 1 && str_eq(argv[1], "puts"))
		rc = run_puts(&s, &err);
	else if (rc == 0 && argc == 1 && str_eq(argv[1], "herd"))
		rc = run_herd(&s, &err);
	else if (rc == 0)
		rc = err_set(&err, ERR_INVALID, "usage: simulator puts|herd --addr=... ...");
	tls_conf_unref(s.tls);
	x509_set_unref(s.trust);
	free(s.addr_list);
	strlist_deinit(&s.addrs);
	if (rc != 0)
		fprintf(stderr, "simulator: %s\n", err.msg);
	return rc == 0 ? 0 : 1;
}

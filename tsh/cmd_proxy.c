/*
 * tsh proxy ssh - ssh's ProxyCommand: one stream to a node, spliced to descriptors 0 and 1.
 *
 * ssh waits for every millisecond of this, so nothing is done before the connection is under way
 * that could be done later or not at all.
 */
#include "tsh/cmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "loop/splice.h"
#include "loop/stream.h"
#include "tsh/node_dial.h"
#include "tsh/ssh_config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct proxying {
	struct tsh *tsh;
	bool done;
	struct err err;
};

static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	struct proxying *p = owner;

	(void)count;
	if (err != NULL)
		p->err = *err;
	p->done = true;
}

static void on_dialed(void *owner, struct stream *take_stream, const pv_DialResponse *answer,
                      const struct err *err)
{
	struct proxying *p = owner;
	struct stream *local = NULL;

	if (err != NULL) {
		node_dial_print_candidates(answer);
		p->err = *err;
		p->done = true;
		return;
	}
	if (stream_open_pair(&p->tsh->loop, STDIN_FILENO, STDOUT_FILENO, &local, &p->err) != 0 ||
	    splice_start(local, take_stream, on_spliced, p) == NULL) {
		if (p->err.code == 0)
			err_set_nomem(&p->err);
		stream_reset(take_stream, &p->err);
		p->done = true;
	}
}

/* "[user@]host[:port]" in place; the host loses the cluster's name. */
static void split_target(char *text, const char *cluster, pv_DialRequest *out)
{
	char *at = strrchr(text, '@');
	char *host = at != NULL ? at + 1 : text;
	char *colon = strrchr(host, ':');

	if (at != NULL) {
		*at = 0;
		out->login = text;
	}
	if (colon != NULL) {
		*colon = 0;
		out->port = colon + 1;
	}
	host[ssh_config_node_len(host, cluster)] = 0;
	out->target = host;
}

static int proxy_ssh(struct tsh *t, const struct profile *p, char *target, struct err *err)
{
	struct proxying proxying = { .tsh = t };
	pv_DialRequest request = { .kind = pv_StreamKind_STREAM_SSH,
		                   .cluster = p->data.cluster,
		                   .client_time = clock_wall_ms(t->clock) };
	int rc;

	split_target(target, p->data.cluster, &request);
	rc = node_dial_start(&t->loop, p, t->clock, &request, on_dialed, &proxying, err);
	if (rc != 0)
		return rc;
	while (!proxying.done)
		uv_run(&t->loop, UV_RUN_ONCE);
	return proxying.err.code != 0 ? err_copy(err, &proxying.err) : 0;
}

/* One handshake needs one thread; libuv would start four and wait for all of them. */
static void bound_threads(void)
{
	setenv("UV_THREADPOOL_SIZE", "1", 0);
}

int cmd_proxy(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	int rc = cmd_parse(t, NULL, &argc, argv, err);

	if (rc == 0 && (argc != 2 || strcmp(argv[0], "ssh") != 0))
		rc = err_set(err, ERR_INVALID, "usage: tsh proxy ssh [user@]host[:port]");
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0) {
		bound_threads();
		stream_keep_memory();
		rc = proxy_ssh(t, &p, argv[1], err);
	}
	profile_deinit(&p);
	return rc;
}

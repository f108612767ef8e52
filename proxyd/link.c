#include "proxyd/link.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "loop/splice.h"
#include "loop/stream.h"
#include "model/identity.h"
#include "proxyd/access.h"
#include "proxyd/proxyd.h"

#include <stdlib.h>

struct link {
	struct list at; /* in proxyd.links */
	struct peer peer;
	char node_id[RAND_UUID_SIZE];
	struct splice *splice;
	void (*ended)(void *arg);
	void *arg;
};

static void link_free(struct link *l)
{
	list_remove(&l->at);
	peer_deinit(&l->peer);
	free(l);
}

static void on_ended(void *owner, const struct splice_count *count, const struct err *err)
{
	struct link *l = owner;

	log_info("stream ended", kv("user", l->peer.identity.user), kv("node", l->node_id),
	         kv("sent", (int64_t)count->a_to_b), kv("received", (int64_t)count->b_to_a),
	         kv("reason", err != NULL ? err->msg : ""));
	if (l->ended != NULL)
		l->ended(l->arg);
	link_free(l);
}

static int join(struct link *l, struct stream *take_client, struct stream *take_node,
                struct err *err)
{
	l->splice = splice_start(take_client, take_node, on_ended, l);
	return l->splice != NULL ? 0 : err_set_nomem(err);
}

int link_start(struct proxyd *p, struct peer *take_peer, const char *node_id,
               struct stream *take_client, struct stream *take_node, void (*ended)(void *arg),
               void *arg, struct err *err)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l != NULL) {
		list_append(&p->links, &l->at);
		l->peer = *take_peer;
		*take_peer = (struct peer){ 0 };
		str_copy(l->node_id, sizeof(l->node_id), node_id);
		l->ended = ended;
		l->arg = arg;
		if (join(l, take_client, take_node, err) == 0)
			return 0;
		link_free(l);
	}
	err_set_nomem(err);
	stream_refuse(take_client, err);
	stream_refuse(take_node, err);
	return err->code;
}

static void each_link(struct proxyd *p, int (*why)(struct proxyd *, struct link *, struct err *))
{
	struct list *next;

	for (struct list *at = p->links.next; at != &p->links; at = next) {
		struct link *l = container_of(at, struct link, at);
		struct err err = { 0 };

		next = at->next;
		if (why(p, l, &err) != 0)
			splice_cancel(l->splice, &err);
	}
}

static int is_locked(struct proxyd *p, struct link *l, struct err *err)
{
	return access_check_locks(p, &l->peer, l->node_id, NULL, err);
}

static int is_over(struct proxyd *p, struct link *l, struct err *err)
{
	(void)p;
	(void)l;
	return err_set(err, ERR_UNAVAILABLE, "proxy is shutting down");
}

void link_check_all(struct proxyd *p)
{
	each_link(p, is_locked);
}

void link_end_all(struct proxyd *p)
{
	each_link(p, is_over);
}

#include "noded/questions.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "loop/packet_server.h"
#include "noded/ask_principals.h"
#include "noded/ask_session.h"
#include "noded/noded.h"
#include "noded/root/questions.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ASKERS_MAX  4096
#define ANSWER_SIZE 16384

struct questions {
	struct noded *n;
	struct packet_server *server;
	struct list waiting; /* struct waiting */
};

/* A question whose answer is not known yet; its peer's data. */
struct waiting {
	struct list link;
	struct packet_peer *peer;
	size_t len;
	char data[];
};

static const struct question {
	const char *word;
	int (*answer)(struct noded *n, const char *data, size_t len, struct packet *out,
	              struct err *err);
} all_questions[] = {
	{ QUESTION_PRINCIPALS, ask_principals },
	{ QUESTION_SESSION, ask_session },
};

static int answer(struct noded *n, const char *data, size_t len, struct packet *out,
                  struct err *err)
{
	for (size_t i = 0; i < sizeof(all_questions) / sizeof(all_questions[0]); i++)
		if (str_eq(data, all_questions[i].word))
			return all_questions[i].answer(n, data, len, out, err);
	return err_set(err, ERR_UNSUPPORTED, "no question '%.32s'", data);
}

/* Whether it was; else it is to be asked again. */
static bool reply(struct questions *q, struct packet_peer *peer, const char *data, size_t len)
{
	char bytes[ANSWER_SIZE];
	struct err err = { 0 };
	struct packet out;
	int rc;

	packet_begin(&out, bytes, sizeof(bytes), QUESTION_ALLOW);
	rc = answer(q->n, data, len, &out, &err);
	if (rc == QUESTION_LATER)
		return false;
	if (rc != 0 || out.full) {
		packet_begin(&out, bytes, sizeof(bytes), QUESTION_DENY);
		packet_add(&out, "reason", out.full ? "the answer is too long" : err.msg);
	}
	packet_peer_send(peer, &out, NULL, 0, &err);
	packet_peer_close(peer);
	return true;
}

static void keep(struct questions *q, struct packet_peer *peer, const char *data, size_t len)
{
	struct waiting *w = malloc(sizeof(*w) + len);

	if (w == NULL) {
		packet_peer_close(peer); /* no answer is a no */
		return;
	}
	w->peer = peer;
	w->len = len;
	memcpy(w->data, data, len);
	packet_peer_set_data(peer, w);
	list_append(&q->waiting, &w->link);
}

static void waiting_free(struct waiting *w)
{
	list_remove(&w->link);
	packet_peer_set_data(w->peer, NULL);
	free(w);
}

static void on_gone(void *owner, struct packet_peer *peer)
{
	struct waiting *w = packet_peer_data(peer);

	(void)owner;
	if (w != NULL)
		waiting_free(w);
}

bool questions_settled(struct questions *q, const char *conn)
{
	bool any = false;

	for (struct list *at = q->waiting.next, *next; at != &q->waiting; at = next) {
		struct waiting *w = container_of(at, struct waiting, link);

		next = at->next;
		if (!str_eq(packet_get(w->data, w->len, "conn"), conn))
			continue;
		any = true;
		list_remove(&w->link);
		packet_peer_set_data(w->peer, NULL);
		if (!reply(q, w->peer, w->data, w->len))
			packet_peer_close(w->peer); /* no answer is a no */
		free(w);
	}
	return any;
}

static void on_packet(void *owner, struct packet_peer *peer, const char *data, size_t len,
                      const int *take_fds, int count)
{
	struct questions *q = owner;

	while (count > 0)
		close(take_fds[--count]);
	if (packet_peer_uid(peer) != 0) {
		log_warn("question refused", kv("uid", packet_peer_uid(peer)),
		         kv("pid", packet_peer_pid(peer)));
		packet_peer_close(peer);
		return;
	}
	if (packet_peer_data(peer) == NULL && !reply(q, peer, data, len))
		keep(q, peer, data, len);
}

int questions_open(struct noded *n, struct questions **out, struct err *err)
{
	static const struct packet_handler handler = { .on_packet = on_packet, .on_gone = on_gone };
	struct questions *q = calloc(1, sizeof(*q));
	char path[PATH_MAX];

	if (q == NULL)
		return err_set_nomem(err);
	q->n = n;
	list_init(&q->waiting);
	snprintf(path, sizeof(path), "%s/policy.sock", n->conf.run_dir);
	if (packet_server_open(n->loop, path, 0600, (gid_t)-1, ASKERS_MAX, &handler, q, &q->server,
	                       err) != 0) {
		free(q);
		return err->code;
	}
	*out = q;
	return 0;
}

void questions_close(struct questions *q)
{
	if (q == NULL)
		return;
	while (!list_empty(&q->waiting))
		waiting_free(container_of(q->waiting.next, struct waiting, link));
	packet_server_close(q->server);
	free(q);
}

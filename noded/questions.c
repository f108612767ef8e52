#include "noded/questions.h"

#include "base/err.h"
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

#define ASKERS_MAX  4096
#define ANSWER_SIZE 16384

struct questions {
	struct noded *n;
	struct packet_server *server;
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

static void on_packet(void *owner, struct packet_peer *peer, const char *data, size_t len,
                      const int *take_fds, int count)
{
	struct questions *q = owner;
	char bytes[ANSWER_SIZE];
	struct err err = { 0 };
	struct packet out;

	while (count > 0)
		close(take_fds[--count]);
	if (packet_peer_uid(peer) != 0) {
		log_warn("question refused", kv("uid", packet_peer_uid(peer)),
		         kv("pid", packet_peer_pid(peer)));
		packet_peer_close(peer);
		return;
	}
	packet_begin(&out, bytes, sizeof(bytes), QUESTION_ALLOW);
	if (answer(q->n, data, len, &out, &err) != 0 || out.full) {
		packet_begin(&out, bytes, sizeof(bytes), QUESTION_DENY);
		packet_add(&out, "reason", out.full ? "the answer is too long" : err.msg);
	}
	packet_peer_send(peer, &out, NULL, 0, &err);
	packet_peer_close(peer);
}

int questions_open(struct noded *n, struct questions **out, struct err *err)
{
	static const struct packet_handler handler = { .on_packet = on_packet };
	struct questions *q = calloc(1, sizeof(*q));
	char path[PATH_MAX];

	if (q == NULL)
		return err_set_nomem(err);
	q->n = n;
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
	packet_server_close(q->server);
	free(q);
}

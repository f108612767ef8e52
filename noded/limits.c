#include "noded/limits.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/session.h"
#include "noded/settings.h"
#include "wire/fields.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define DIAL_MS     5000
#define MESSAGE_MAX 4096

struct limits {
	struct noded *n; /* NULL: closed, dials are still leaving */
	struct list tellings;
};

/* One supervisor is being told. */
struct telling {
	struct list link;
	struct limits *limits;
	struct dial *dial;
	char sid[RAND_UUID_SIZE];
};

static void free_if_empty(struct limits *l)
{
	if (l->n == NULL && list_empty(&l->tellings))
		free(l);
}

/* --- what a session was told ----------------------------------------------------------------- */

static int note(struct session *s, int64_t idle_ms, const char *message, struct err *err)
{
	s->idle_ms = idle_ms;
	return fields_set_str(&s->idle_message, message != NULL ? message : "", err);
}

int limits_begin(const struct noded *n, struct session *s, const struct role_set *roles,
                 struct packet *out, struct err *err)
{
	int rc = note(s, settings_limits(n, roles).client_idle_timeout, settings_idle_message(n),
	              err);

	if (rc != 0)
		return rc;
	packet_add_number(out, "idle_ms", s->idle_ms);
	if (!str_empty(s->idle_message))
		packet_add(out, "idle_message", s->idle_message);
	return 0;
}

/* --- telling --------------------------------------------------------------------------------- */

static int say(const struct session *s, struct stream *supervisor, struct err *err)
{
	pv_JoinStart start = {
		.has_limits = true,
		.limits = { .idle_ms = s->idle_ms, .idle_message = s->idle_message },
	};
	struct buf bytes = { 0 };
	int rc = framing_append(&pv_JoinStart_table, &start, MESSAGE_MAX, &bytes, err);

	if (rc == 0)
		stream_write_buf(supervisor, &bytes);
	buf_deinit(&bytes);
	return rc;
}

static void on_reached(void *owner, struct stream *take_stream, const struct err *why)
{
	struct telling *t = owner;
	struct limits *l = t->limits;
	struct session *s = l->n != NULL ? session_find(l->n, t->sid) : NULL;
	struct err err = { 0 };

	if (why != NULL)
		err = *why;
	else if (s != NULL)
		say(s, take_stream, &err);
	if (take_stream != NULL)
		stream_close(take_stream);
	if (s != NULL && err.code != 0) {
		log_warn("limits not told", kv("sid", s->sid), kv("reason", err.msg));
		s->idle_ms = -1;
	}
	list_remove(&t->link);
	free(t);
	free_if_empty(l);
}

static int tell(struct limits *l, const struct session *s, struct err *err)
{
	struct telling *t = calloc(1, sizeof(*t));
	char addr[PATH_MAX];
	int rc;

	if (t == NULL)
		return err_set_nomem(err);
	t->limits = l;
	str_copy(t->sid, sizeof(t->sid), s->sid);
	snprintf(addr, sizeof(addr), "unix:%s/sessions/%s.sock", l->n->conf.run_dir, s->sid);
	rc = dial_start(l->n->loop, addr, DIAL_MS, on_reached, t, &t->dial, err);
	if (rc != 0) {
		free(t);
		return rc;
	}
	list_append(&l->tellings, &t->link);
	return 0;
}

/* --- looking --------------------------------------------------------------------------------- */

static void look_at(struct limits *l, struct session *s)
{
	const struct policy_subject who = { &s->identity, s->login, s->client, NULL };
	const char *message = settings_idle_message(l->n);
	struct role_options now;
	struct err err;

	if (!s->tty || s->end_reason != NULL || policy_limits(l->n, &who, &now, &err) != 0)
		return; /* who may no longer stay is ended by others */
	if (now.client_idle_timeout == s->idle_ms &&
	    str_eq(s->idle_message, message != NULL ? message : ""))
		return;
	if (note(s, now.client_idle_timeout, message, &err) != 0 || tell(l, s, &err) != 0)
		s->idle_ms = -1;
}

void limits_look(struct limits *l)
{
	for (struct session *s = session_next(l->n, NULL); s != NULL; s = session_next(l->n, s))
		look_at(l, s);
}

/* --- made once ------------------------------------------------------------------------------- */

int limits_open(struct noded *n, struct limits **out, struct err *err)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set_nomem(err);
	l->n = n;
	list_init(&l->tellings);
	*out = l;
	return 0;
}

void limits_close(struct limits *l)
{
	if (l == NULL)
		return;
	l->n = NULL;
	for (struct list *at = l->tellings.next; at != &l->tellings; at = at->next)
		dial_cancel(container_of(at, struct telling, link)->dial);
	free_if_empty(l);
}

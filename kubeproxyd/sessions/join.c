#include "kubeproxyd/sessions/join.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "kubeproxyd/access/guards.h"
#include "kubeproxyd/access/guest.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/sessions/crowd.h"
#include "kubeproxyd/sessions/report.h"
#include "kubeproxyd/sessions/session.h"
#include "kubeproxyd/sessions/sessions.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/grpc.h"
#include "wire/join_frame.h"

#include "proto/dial.fields.h"

#include <stdlib.h>

#define MESSAGE_MS  10000
#define MESSAGE_MAX 4096

enum join_state { JOIN_ASKED, JOIN_JOINED, JOIN_ENDING };

struct join {
	struct list link; /* of the daemon's */
	enum join_state state;
	struct visit *visit;
	struct stream *stream;
	struct timer *deadline; /* of the message */
	struct guest *guest;    /* from JOINED on */
	struct guard guard;     /* while JOINED, as are these */
	struct session *session;
	struct crowd_seat seat;
};

static void join_free(struct join *j)
{
	list_remove(&j->link);
	timer_free(j->deadline);
	guest_unref(j->guest);
	visit_unref(j->visit);
	free(j);
}

/* --- answers --------------------------------------------------------------------------------- */

static int answer(struct join *j, const struct err *why, struct err *err)
{
	pv_DialResponse response = {
		.code = why != NULL ? grpc_from_err(why->code) : 0,
		.message = why != NULL ? (char *)(uintptr_t)why->msg : NULL,
		.server_time = clock_wall_ms(j->visit->k->clock),
	};
	struct buf bytes = { 0 };
	int rc = framing_append(&pv_DialResponse_table, &response, MESSAGE_MAX, &bytes, err);

	if (rc == 0)
		stream_write_buf(j->stream, &bytes);
	buf_deinit(&bytes);
	return rc;
}

static void refuse(struct join *j, const struct err *why)
{
	const struct peer *peer = &j->visit->peer;
	struct err ignored;

	log_info("join refused", kv("user", peer->identity.user), kv("client", peer->addr),
	         kv("reason", why->msg));
	if (peer->identity.user != NULL)
		report_refusal(j->visit, why->msg);
	j->state = JOIN_ENDING;
	timer_stop(j->deadline);
	guard_stop(&j->guard);
	answer(j, why, &ignored);
	stream_close(j->stream);
}

/* --- JOINED ---------------------------------------------------------------------------------- */

/* From here on the session knows nothing of it. */
static void part(struct join *j)
{
	j->state = JOIN_ENDING;
	guard_stop(&j->guard);
	session_left(j->session, &j->seat);
	j->session = NULL;
}

static void on_shown(struct crowd_seat *seat)
{
	guard_moved(&container_of(seat, struct join, seat)->guard);
}

static void on_over(struct crowd_seat *seat)
{
	struct join *j = container_of(seat, struct join, seat);

	part(j);
	stream_close(j->stream);
}

static void leave(struct join *j)
{
	crowd_leave(&j->session->crowd, &j->seat);
	part(j);
}

static void on_guard(void *owner, const struct err *why)
{
	struct join *j = owner;

	log_info("join ended", kv("sid", j->session->sid), kv("user", j->seat.user),
	         kv("reason", why->msg));
	report_cut(j->session, j->visit, why->msg);
	leave(j);
	stream_reset(j->stream, why);
}

static size_t hear_frame(struct join *j, const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	size_t used = 0;
	pv_JoinFrame f;

	if (framing_decode(&pv_JoinFrame_table, data, len, JOIN_FRAME_MAX, &f, &used, &err) != 0) {
		leave(j);
		stream_reset(j->stream, &err);
		return len;
	}
	if (used == 0)
		return 0;
	guard_moved(&j->guard);
	if (f.which_of == pv_JoinFrame_input_tag && f.of.input != NULL &&
	    str_eq(j->seat.mode, "peer"))
		session_type(j->session, f.of.input->bytes, f.of.input->size);
	fields_release(&pv_JoinFrame_table, &f);
	return used;
}

static size_t hear_frames(struct join *j, const uint8_t *data, size_t len)
{
	size_t all = 0, used;

	do {
		used = hear_frame(j, data + all, len - all);
		all += used;
	} while (used > 0 && all < len && j->state == JOIN_JOINED);
	return all;
}

/* --- ASKED ----------------------------------------------------------------------------------- */

static int find_session(const struct join *j, const char *sid, struct session **out,
                        struct err *err)
{
	sid = sid != NULL ? sid : "";
	*out = sessions_find(j->visit->k->sessions, sid);
	if (*out == NULL || (*out)->forwards || (*out)->ending)
		return err_set(err, ERR_NOT_FOUND, "no live session '%.40s' here", sid);
	if (!(*out)->tty)
		return err_set(err, ERR_INVALID, "session '%s' has no terminal", sid);
	return 0;
}

static int read_mode(const pv_SessionJoin *wish, const char **out, struct err *err)
{
	static const char *const modes[] = { "observer", "peer" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (str_eq(wish->mode, modes[i])) {
			*out = modes[i];
			return 0;
		}
	return err_set(err, ERR_INVALID, "mode: neither 'observer' nor 'peer'");
}

static int admit(struct join *j, const pv_SessionJoin *wish, struct err *err)
{
	struct session *s;

	if (j->visit->refused.code != 0)
		return err_copy(err, &j->visit->refused);
	j->seat = (struct crowd_seat){ .stream = j->stream,
		                       .user = j->visit->peer.identity.user,
		                       .shown = on_shown,
		                       .over = on_over };
	if (read_mode(wish, &j->seat.mode, err) != 0 ||
	    find_session(j, wish->session_id, &s, err) != 0 ||
	    guest_join(j->visit, s->guest, j->seat.mode, &j->guest, err) != 0 ||
	    guard_start(&j->guard, j->guest, on_guard, j, err) != 0 ||
	    session_admit(s, j->seat.user, err) != 0 || answer(j, NULL, err) != 0)
		return err->code;
	j->session = s;
	session_joined(s, &j->seat);
	return 0;
}

static size_t hear_wish(struct join *j, const uint8_t *data, size_t len)
{
	pv_SessionJoin wish = pv_SessionJoin_init_zero;
	struct err err = { 0 };
	size_t used = 0;
	int rc = framing_decode(&pv_SessionJoin_table, data, len, MESSAGE_MAX, &wish, &used, &err);

	if (rc == 0 && used == 0)
		return 0;
	timer_stop(j->deadline);
	if (rc == 0)
		rc = admit(j, &wish, &err);
	fields_release(&pv_SessionJoin_table, &wish);
	if (rc != 0) {
		refuse(j, &err);
		return len;
	}
	j->state = JOIN_JOINED;
	return used;
}

/* --- the connection -------------------------------------------------------------------------- */

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct join *j = owner;
	size_t used = 0;

	(void)s;
	if (j->state == JOIN_ASKED)
		used = hear_wish(j, data, len);
	if (j->state == JOIN_JOINED && used < len)
		used += hear_frames(j, data + used, len - used);
	return j->state == JOIN_ENDING ? len : used;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct join *j = owner;

	(void)s;
	if (err != NULL)
		log_info("join failed", kv("client", j->visit->peer.addr), kv("reason", err->msg));
	if (j->state == JOIN_JOINED)
		leave(j);
	join_free(j);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no request came in time", 0 };

	refuse(owner, &late);
}

void join_serve(struct visit *visit, struct stream *take_stream)
{
	static const struct stream_handler handler = { .on_data = on_data, .on_close = on_close };
	struct join *j = calloc(1, sizeof(*j));

	if (j != NULL)
		j->deadline = timer_new(visit->k->loop, on_deadline, j);
	if (j == NULL || j->deadline == NULL) {
		free(j);
		stream_refuse(take_stream, NULL);
		return;
	}
	j->visit = visit_ref(visit);
	j->stream = take_stream;
	list_append(&visit->k->joins, &j->link);
	timer_once(j->deadline, MESSAGE_MS);
	stream_attach(take_stream, &handler, j);
}

void joins_close(struct kubeproxyd *k)
{
	for (struct list *at = k->joins.next; at != &k->joins; at = at->next) {
		struct join *j = container_of(at, struct join, link);

		if (j->state != JOIN_ASKED)
			continue; /* on its way, with the session's end */
		j->state = JOIN_ENDING;
		timer_stop(j->deadline);
		stream_reset(j->stream, NULL);
	}
}

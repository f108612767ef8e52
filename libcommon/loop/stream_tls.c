#include "loop/stream_private.h"

#include "loop/scratch.h"
#include "loop/work.h"

#include "base/err.h"
#include "base/list.h"
#include "crypto/tls.h"

#include <assert.h>
#include <stdlib.h>

/*
 *   WAITS_FOR_PEER <--> STEPPING --> READY
 *
 * While STEPPING the tls and the handshake's rc and err belong to a pool thread and nothing is
 * read; `waiting` of the stream counts the step.
 */
enum secure_state { SECURE_WAITS_FOR_PEER, SECURE_STEPPING, SECURE_READY };

/* What only the handshake needs. */
struct handshake {
	struct stream *stream;
	struct work_pool *pool;
	struct work step;
	int rc;
	struct err err;
	bool fed;           /* there is something to step on with */
	struct buf written; /* plaintext for later */
	unsigned timeout_ms;
};

struct secure {
	enum secure_state state;
	struct tls *tls;
	struct handshake *hs; /* NULL once READY */
};

/* --- handshake -------------------------------------------------------------------------------- */

static void handshake_free(struct handshake *hs)
{
	if (hs == NULL)
		return;
	buf_wipe(&hs->written);
	free(hs);
}

void secure_free(struct secure *sec)
{
	if (sec == NULL)
		return;
	handshake_free(sec->hs);
	tls_free(sec->tls);
	free(sec);
}

static void send_output(struct stream *s)
{
	size_t len;
	uint8_t *bytes = tls_take_output(s->secure->tls, &len);

	if (bytes != NULL)
		stream_send_owned(s, bytes, len);
}

static void tls_failed(struct stream *s, struct err *err, const char *doing)
{
	err_wrap(err, "%s '%s'", doing, s->peer);
	send_output(s); /* the alert */
	stream_fail_politely(s, err);
}

static void on_deadline(uv_timer_t *timer)
{
	struct stream *s = container_of(timer, struct stream, timer);
	struct err err;

	err_set(&err, ERR_TIMEOUT, "TLS handshake with '%s': not complete after %u ms", s->peer,
	        s->secure->hs->timeout_ms);
	stream_fail(s, &err);
}

static void become_ready(struct stream *s)
{
	struct secure *sec = s->secure;
	struct handshake *hs = sec->hs;

	sec->state = SECURE_READY;
	sec->hs = NULL;
	uv_timer_stop(&s->timer);
	secure_write(s, hs->written.data, hs->written.len);
	if (s->output == OUT_ENDING)
		secure_end(s);
	handshake_free(hs);
	if (s->state == STREAM_OPEN && s->handler != NULL && s->handler->on_secure != NULL)
		s->handler->on_secure(s->owner, s);
}

/* In a pool thread. */
static void run_step(struct work *w)
{
	struct handshake *hs = container_of(w, struct handshake, step);

	hs->rc = tls_handshake(hs->stream->secure->tls, &hs->err);
}

static void on_step(struct work *w, bool canceled)
{
	struct handshake *hs = container_of(w, struct handshake, step);
	struct stream *s = hs->stream;

	if (s->state == STREAM_OPEN) {
		s->secure->state = SECURE_WAITS_FOR_PEER;
		if (canceled)
			hs->rc = err_set(&hs->err, ERR_CANCELED, "we are stopping");
		if (hs->rc != 0) {
			tls_failed(s, &hs->err, "TLS handshake with");
		} else {
			send_output(s);
			if (tls_is_ready(s->secure->tls))
				become_ready(s);
			stream_tell_drained(s);
			stream_pump_soon(s);
		}
	}
	stream_release(s);
}

static void start_step(struct stream *s)
{
	struct handshake *hs = s->secure->hs;

	hs->fed = false;
	if (work_start(hs->pool, &hs->step, run_step, on_step, &hs->err) != 0) {
		tls_failed(s, &hs->err, "TLS handshake with");
		return;
	}
	s->waiting++;
	s->secure->state = SECURE_STEPPING;
}

void secure_abandon(struct stream *s)
{
	if (s->secure->state == SECURE_STEPPING)
		work_cancel(&s->secure->hs->step);
}

static struct secure *secure_new(struct stream *s, struct tls *take_tls, struct work_pool *pool,
                                 unsigned timeout_ms)
{
	struct secure *sec = calloc(1, sizeof(*sec));
	struct handshake *hs = calloc(1, sizeof(*hs));

	if (sec == NULL || hs == NULL) {
		free(sec);
		free(hs);
		return NULL;
	}
	sec->tls = take_tls;
	sec->hs = hs;
	hs->stream = s;
	hs->pool = pool;
	hs->timeout_ms = timeout_ms;
	hs->fed = true; /* a client speaks first */
	buf_init(&hs->written, STREAM_QUEUE_MAX);
	return sec;
}

void stream_start_tls(struct stream *s, struct tls *take_tls, struct work_pool *pool,
                      unsigned timeout_ms)
{
	struct err err;

	assert(s->secure == NULL);
	s->secure = secure_new(s, take_tls, pool, timeout_ms);
	if (s->secure == NULL) {
		tls_free(take_tls);
		err_set_nomem(&err);
		stream_fail(s, &err);
		return;
	}
	if (s->state == STREAM_OPEN)
		uv_timer_start(&s->timer, on_deadline, timeout_ms, 0);
	stream_pump_soon(s);
}

struct tls *stream_tls(const struct stream *s)
{
	return s->secure != NULL ? s->secure->tls : NULL;
}

bool stream_secure(const struct stream *s)
{
	return s->secure != NULL && s->secure->state == SECURE_READY;
}

/* --- input ------------------------------------------------------------------------------------ */

bool secure_hungry(const struct stream *s)
{
	return s->secure->state == SECURE_WAITS_FOR_PEER ||
	       (s->secure->state == SECURE_READY && stream_listens(s));
}

static void feed(struct stream *s, const uint8_t *data, size_t len)
{
	struct err err;

	if (tls_feed(s->secure->tls, data, len, &err) != 0)
		tls_failed(s, &err, "read from");
	else if (s->secure->hs != NULL)
		s->secure->hs->fed = true;
}

/* Bytes that the owner only looked at before it chose TLS. */
static void feed_kept(struct stream *s)
{
	if (s->kept.len > 0)
		feed(s, s->kept.data, s->kept.len);
	buf_deinit(&s->kept);
}

void secure_received(struct stream *s, const uint8_t *data, size_t len)
{
	assert(s->secure->state != SECURE_STEPPING);
	if (s->secure->state == SECURE_WAITS_FOR_PEER)
		feed_kept(s);
	feed(s, data, len);
	secure_pump(s);
}

void secure_received_end(struct stream *s)
{
	struct err err;

	if (s->state == STREAM_OPEN && !tls_peer_closed(s->secure->tls)) {
		err_set(&err, ERR_IO, "'%s' hung up in the middle of TLS", s->peer);
		stream_fail(s, &err);
	}
	stream_peer_ended(s);
}

static void decrypt(struct stream *s, uint8_t *plain)
{
	size_t len = 1;
	struct err err;

	while (len > 0 && stream_listens(s)) {
		if (tls_read(s->secure->tls, plain, SCRATCH_SIZE, &len, &err) != 0) {
			tls_failed(s, &err, "read from");
			return;
		}
		stream_offer(s, plain, len);
	}
	if (len == 0 && tls_peer_closed(s->secure->tls))
		stream_peer_ended(s);
}

static void decrypt_all(struct stream *s)
{
	uint8_t *plain = scratch_take(); /* for this turn only, as in on_alloc() */
	struct err err;

	if (plain != NULL) {
		decrypt(s, plain);
	} else {
		err_set_nomem(&err);
		stream_fail(s, &err);
	}
	scratch_give_back(plain);
}

void secure_pump(struct stream *s)
{
	if (s->secure->state == SECURE_WAITS_FOR_PEER) {
		feed_kept(s);
		if (s->state == STREAM_OPEN && s->secure->hs->fed)
			start_step(s);
	} else if (s->secure->state == SECURE_READY) {
		decrypt_all(s);
	}
}

/* --- output ----------------------------------------------------------------------------------- */

size_t secure_queued(const struct stream *s)
{
	return s->secure->hs != NULL ? s->secure->hs->written.len : 0;
}

void secure_write(struct stream *s, const uint8_t *data, size_t len)
{
	struct handshake *hs = s->secure->hs;
	struct err err;
	int rc;

	if (len == 0)
		return;
	if (hs != NULL) {
		buf_append(&hs->written, data, len);
		rc = buf_check(&hs->written, &err);
	} else {
		rc = tls_write(s->secure->tls, data, len, &err);
		send_output(s);
	}
	if (rc != 0) {
		err_wrap(&err, "write to '%s'", s->peer);
		stream_fail(s, &err);
	}
}

void secure_end(struct stream *s)
{
	struct err err;

	if (s->secure->state != SECURE_READY)
		return; /* become_ready() comes back here */
	if (tls_close(s->secure->tls, &err) != 0) {
		tls_failed(s, &err, "write to");
		return;
	}
	send_output(s);
	stream_send_end(s);
}

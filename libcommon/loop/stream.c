#include "loop/stream_private.h"

#include "loop/scratch.h"

#include "base/err.h"
#include "base/list.h"

#include <assert.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

/* --- reading ---------------------------------------------------------------------------------- */

bool stream_listens(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->handler != NULL && !s->paused && s->why == NULL;
}

void stream_keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, STREAM_MEMORY_KEPT);
	mallopt(M_MMAP_THRESHOLD, STREAM_MEMORY_KEPT);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *out)
{
	(void)h;
	(void)hint;
	out->base = (char *)scratch_take(); /* for one read, so that an idle stream holds none */
	out->len = out->base != NULL ? SCRATCH_SIZE : 0;
}

/* Lets the owner look, and the next one if it hands the stream on. Returns how many bytes are
 * left unused. */
static size_t offer_all(struct stream *s, const uint8_t *data, size_t len)
{
	bool handed_on = true;

	while (handed_on && len > 0 && stream_listens(s)) {
		unsigned attached = s->attached;
		bool plain = s->secure == NULL;
		size_t used = len;

		s->offered = data;
		s->offered_len = len;
		if (s->handler->on_data != NULL)
			used = s->handler->on_data(s->owner, s, data, len);
		s->offered = NULL;
		assert(used <= len);
		data += used;
		len -= used;
		handed_on = s->attached != attached && plain == (s->secure == NULL);
	}
	return len;
}

static void check_kept(struct stream *s)
{
	struct err err;

	if (buf_check(&s->kept, &err) != 0)
		stream_fail(s, &err);
	else if (s->kept.len >= STREAM_KEPT_MAX && stream_listens(s)) {
		err_set(&err, ERR_LIMIT, "message from '%s' is too long", s->peer);
		stream_fail(s, &err);
	}
}

/* Plaintext for the owner; with len 0 only what was kept is offered again. */
void stream_offer(struct stream *s, const uint8_t *data, size_t len)
{
	size_t left;

	if (s->kept.len == 0) {
		left = offer_all(s, data, len);
		if (left > 0)
			buf_append(&s->kept, data + len - left, left);
	} else {
		buf_append(&s->kept, data, len);
		left = offer_all(s, s->kept.data, s->kept.len);
		buf_consume(&s->kept, s->kept.len - left);
	}
	check_kept(s);
	if (s->kept.len == 0)
		buf_deinit(&s->kept);
}

static void finish_when_both_ended(struct stream *s)
{
	enum stream_in enough = IN_TOLD;

	if (s->state == STREAM_CLOSING) /* pipes lose nothing when they are closed at once */
		enough = s->out_pipe != NULL ? IN_OPEN : IN_ENDED;
	if (s->input >= enough && s->output == OUT_ENDED)
		stream_shut(s);
}

void stream_out_ended(struct stream *s)
{
	s->output = OUT_ENDED;
	finish_when_both_ended(s);
}

static void tell_end(struct stream *s)
{
	if (s->input == IN_ENDED && stream_listens(s)) {
		s->input = IN_TOLD;
		if (s->handler->on_end != NULL)
			s->handler->on_end(s->owner, s);
		else
			stream_close(s);
	}
	finish_when_both_ended(s);
}

void stream_peer_ended(struct stream *s)
{
	if (s->input == IN_OPEN)
		s->input = IN_ENDED;
}

void stream_read_failed(struct stream *s, const struct err *why)
{
	if (s->state == STREAM_CLOSING)
		stream_shut(s); /* nobody is interested any more */
	else
		stream_fail(s, why);
}

static void on_read_failed(struct stream *s, int rc)
{
	struct err err;

	err_set(&err, ERR_IO, "read from '%s': %s", s->peer, uv_strerror(rc));
	stream_read_failed(s, &err);
}

void stream_received(struct stream *s, const uint8_t *data, size_t len)
{
	if (s->state == STREAM_OPEN && s->secure != NULL)
		secure_received(s, data, len);
	else if (s->state == STREAM_OPEN)
		stream_offer(s, data, len);
	tell_end(s);
	stream_update_reading(s);
}

void stream_received_end(struct stream *s)
{
	if (s->secure != NULL)
		secure_received_end(s);
	else
		stream_peer_ended(s);
	tell_end(s);
	stream_update_reading(s);
}

/*
 * A client with Nagle's algorithm (OpenSSH's, while it logs in) holds its second small packet back
 * until the first is acknowledged, and our kernel delays that by 40 ms. The kernel forgets the wish
 * by itself, so it is renewed.
 */
static void acknowledge_at_once(struct stream *s)
{
	const int on = 1;

	if (s->quick_acks == 0)
		return;
	s->quick_acks--;
	setsockopt(stream_fd(s), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = h->data;

	if (n >= 0)
		acknowledge_at_once(s);
	if (n > 0)
		stream_received(s, (const uint8_t *)buf->base, (size_t)n);
	else if (n == UV_EOF)
		stream_received_end(s);
	else if (n < 0)
		on_read_failed(s, (int)n);
	scratch_give_back((uint8_t *)buf->base);
}

static bool hungry(const struct stream *s)
{
	if (s->input != IN_OPEN)
		return false;
	if (s->state == STREAM_CLOSING)
		return true; /* to see the peer's end */
	if (s->handler == NULL || s->why != NULL)
		return false;
	return s->secure != NULL ? secure_hungry(s) : stream_listens(s);
}

void stream_update_reading(struct stream *s)
{
	bool wanted = hungry(s);

	if (s->state == STREAM_SHUT || wanted == s->reading)
		return;
	s->reading = wanted;
	if (s->carrier != NULL)
		s->carrier->read(s->carried, wanted);
	else if (wanted)
		uv_read_start(&s->in.stream, on_alloc, on_read);
	else
		uv_read_stop(&s->in.stream);
}

/* Goes on with whatever could not go on before: bytes that wait for the owner, its end. */
static void on_kick(uv_idle_t *kick)
{
	struct stream *s = container_of(kick, struct stream, kick);

	uv_idle_stop(kick);
	if (s->why != NULL && s->state == STREAM_OPEN)
		stream_shut(s); /* it failed before it had an owner */
	if (s->secure == NULL || stream_secure(s))
		stream_offer(s, NULL, 0);
	if (s->secure != NULL && s->state == STREAM_OPEN)
		secure_pump(s);
	tell_end(s);
	stream_update_reading(s);
}

void stream_pump_soon(struct stream *s)
{
	if (s->state != STREAM_SHUT)
		uv_idle_start(&s->kick, on_kick);
}

void stream_attach(struct stream *s, const struct stream_handler *h, void *owner)
{
	s->handler = h;
	s->owner = owner;
	s->attached++;
	stream_pump_soon(s);
}

void stream_pause(struct stream *s)
{
	s->paused = true;
	stream_update_reading(s);
}

void stream_resume(struct stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	stream_pump_soon(s);
}

/* --- ending ----------------------------------------------------------------------------------- */

void stream_end(struct stream *s)
{
	if (s->state == STREAM_SHUT || s->output != OUT_OPEN || s->why != NULL)
		return;
	s->output = OUT_ENDING;
	if (s->secure != NULL)
		secure_end(s);
	else
		stream_send_end(s);
}

static void on_linger_over(uv_timer_t *timer)
{
	struct stream *s = container_of(timer, struct stream, timer);
	size_t queued = stream_queued(s);
	struct err err;

	if (queued > 0 && queued < s->lingering) {
		s->lingering = queued; /* slow but alive */
		return;
	}
	err_set(&err, ERR_TIMEOUT, "'%s' does not read", s->peer);
	if (queued > 0)
		stream_fail(s, &err);
	else
		stream_shut(s);
}

static void linger(struct stream *s)
{
	s->state = STREAM_CLOSING;
	s->lingering = stream_queued(s);
	uv_timer_start(&s->timer, on_linger_over, STREAM_LINGER_MS, STREAM_LINGER_MS);
	finish_when_both_ended(s);
	stream_update_reading(s);
}

void stream_close(struct stream *s)
{
	if (s->state != STREAM_OPEN)
		return;
	if (s->why != NULL || (s->secure != NULL && !stream_secure(s))) {
		stream_shut(s);
		return;
	}
	stream_end(s);
	if (s->state == STREAM_OPEN)
		linger(s);
}

static const struct err no_memory = { ERR_NOMEM, "out of memory" };

/* The first failure is the one that counts. */
static void remember(struct stream *s, const struct err *why)
{
	struct err *copy;

	if (why == NULL || s->why != NULL)
		return;
	copy = malloc(sizeof(*copy));
	if (copy != NULL)
		err_copy(copy, why);
	s->why = copy != NULL ? copy : &no_memory;
}

void stream_reset(struct stream *s, const struct err *why)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (s->state == STREAM_SHUT)
		return;
	if (s->carrier == NULL)
		setsockopt(stream_fd(s), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	remember(s, why);
	s->torn = true;
	stream_shut(s);
}

void stream_refuse(struct stream *take_stream, const struct err *why)
{
	static const struct stream_handler nobody = { 0 };

	stream_attach(take_stream, &nobody, NULL);
	stream_reset(take_stream, why);
}

/* Without an owner the failure waits for the first one: a stream never vanishes unheard. */
void stream_fail(struct stream *s, const struct err *why)
{
	if (s->state == STREAM_SHUT)
		return;
	remember(s, why);
	if (s->handler != NULL || s->state == STREAM_CLOSING)
		stream_shut(s);
}

void stream_fail_politely(struct stream *s, const struct err *why)
{
	if (s->state != STREAM_OPEN)
		return;
	remember(s, why);
	if (s->handler == NULL)
		return;
	if (s->output == OUT_OPEN) {
		s->output = OUT_ENDING;
		stream_send_end(s);
	}
	if (s->state == STREAM_OPEN)
		linger(s);
}

static void finish(struct stream *s)
{
	if (s->handler != NULL && s->handler->on_close != NULL)
		s->handler->on_close(s->owner, s, s->why);
	if (s->free_hook != NULL)
		s->free_hook(s->free_arg);
	secure_free(s->secure);
	buf_deinit(&s->kept);
	if (s->why != &no_memory)
		free((void *)s->why);
	free(s->out_pipe);
	free(s);
}

void stream_release(struct stream *s)
{
	if (--s->waiting == 0)
		finish(s);
}

static void on_handle_closed(uv_handle_t *h)
{
	stream_release(h->data);
}

void stream_close_handle(struct stream *s, uv_handle_t *h)
{
	if (h == NULL || uv_is_closing(h))
		return;
	s->waiting++;
	h->data = s;
	uv_close(h, on_handle_closed);
}

void stream_shut(struct stream *s)
{
	if (s->state == STREAM_SHUT)
		return;
	s->state = STREAM_SHUT;
	if (s->secure != NULL)
		secure_abandon(s);
	if (s->carrier != NULL)
		s->carrier->shut(s->carried, s->torn || s->why != NULL);
	else
		stream_close_handle(s, &s->in.handle);
	stream_close_handle(s, (uv_handle_t *)s->out_pipe);
	stream_close_handle(s, (uv_handle_t *)&s->kick);
	stream_close_handle(s, (uv_handle_t *)&s->timer);
	stream_release(s); /* the handles are still waited for */
}

void stream_on_free(struct stream *s, void (*hook)(void *arg), void *arg)
{
	s->free_hook = hook;
	s->free_arg = arg;
}

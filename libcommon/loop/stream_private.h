/*
 * stream_private - what the files of stream share; nobody else includes it.
 *
 *   stream.c          owner, reading, ending, closing
 *   stream_open.c     descriptors and addresses
 *   stream_carried.c  what is no descriptor of ours: carried by something else
 *   stream_write.c    the write queue
 *   stream_tls.c      handshake, records
 *
 * Invariants: `state` only moves down its list. Handles are closed by stream_shut() alone. The
 * struct is freed by the last close callback, which libuv calls on a later turn, so it is never
 * gone within a call or a callback.
 */
#ifndef LOOP_STREAM_PRIVATE_H
#define LOOP_STREAM_PRIVATE_H

#include "loop/addr.h"
#include "loop/stream.h"
#include "loop/stream_carried.h"

#include "base/buf.h"

enum stream_state {
	STREAM_OPEN,
	STREAM_CLOSING, /* sends the rest, throws input away, waits for the peer's end */
	STREAM_SHUT     /* handles are closing */
};

enum stream_in { IN_OPEN, IN_ENDED, IN_TOLD }; /* the peer's end: not yet, seen, on_end called */
enum stream_out { OUT_OPEN, OUT_ENDING, OUT_ENDED }; /* ours: not yet, under way, with the kernel */

struct secure; /* stream_tls.c */

struct stream {
	const struct stream_carrier *carrier; /* NULL: libuv's handle `in` */
	void *carried;                        /* what its functions are called with */
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} in;
	uv_pipe_t *out_pipe;  /* of a pair; else NULL */
	uv_stream_t *out;     /* out_pipe or `in` */
	uv_shutdown_t ending; /* our half-close */
	uv_idle_t kick;       /* goes on with stream_pump() on the next turn */
	uv_timer_t timer;     /* the handshake's deadline, then the linger's */
	unsigned waiting; /* being open, close callbacks and a handshake step: all before the end */

	enum stream_state state;
	enum stream_in input;
	enum stream_out output;
	bool reading; /* libuv reads */
	bool paused;
	bool torn;           /* by stream_reset() */
	bool was_full;       /* on_drain is due */
	unsigned quick_acks; /* reads that are still acknowledged at once */

	const struct stream_handler *handler; /* NULL: not attached yet */
	void *owner;
	unsigned attached; /* how often: tells whether on_data changed the owner */

	struct buf kept;        /* came, not used yet; plaintext */
	const uint8_t *offered; /* what on_data looks at now; else NULL */
	size_t offered_len;
	size_t lingering; /* bytes queued when the linger began; it goes on while they shrink */

	struct secure *secure; /* NULL: plaintext */
	const struct err *why; /* the first failure; NULL: none */
	char peer[ADDR_TEXT_SIZE];
	void (*free_hook)(void *arg);
	void *free_arg;
};

/* stream.c */
bool stream_listens(const struct stream *s); /* bytes may go to the owner now */
void stream_offer(struct stream *s, const uint8_t *data, size_t len);
void stream_received(struct stream *s, const uint8_t *data, size_t len);
void stream_received_end(struct stream *s);
void stream_read_failed(struct stream *s, const struct err *why);
void stream_peer_ended(struct stream *s);
void stream_out_ended(struct stream *s);
void stream_close_handle(struct stream *s, uv_handle_t *h);
void stream_pump_soon(struct stream *s);
void stream_update_reading(struct stream *s);
void stream_fail(struct stream *s, const struct err *why);
void stream_fail_politely(struct stream *s, const struct err *why); /* what is queued goes out */
void stream_shut(struct stream *s);
void stream_release(struct stream *s); /* one thing less to wait for; the last one frees */

/* stream_open.c */
struct stream *stream_new(uv_loop_t *loop); /* NULL when memory runs out */

/* stream_write.c: bytes as they go on the wire */
void stream_send(struct stream *s, const uint8_t *data, size_t len);
void stream_send_owned(struct stream *s, uint8_t *take_data, size_t len);
void stream_send_end(struct stream *s);
void stream_tell_drained(struct stream *s); /* on_drain, when it is due */

/* stream_tls.c: only called when `secure` is set */
void secure_free(struct secure *sec);
bool secure_hungry(const struct stream *s); /* input is welcome now */
void secure_received(struct stream *s, const uint8_t *data, size_t len);
void secure_received_end(struct stream *s);
void secure_pump(struct stream *s);
void secure_write(struct stream *s, const uint8_t *data, size_t len);
void secure_end(struct stream *s);
size_t secure_queued(const struct stream *s); /* written before the handshake was complete */
void secure_abandon(struct stream *s);        /* the stream is shut; a running step must end */

#endif

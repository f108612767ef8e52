/*
 * stream - one byte stream in both directions, over TCP, a unix socket, a pair of pipes or what
 * something else carries (stream_carried.h), with or without TLS.
 *
 *   stream_open_fd --> OPEN --(stream_start_tls --> handshake in the pool)--> OPEN
 *                        |
 *                        +--> CLOSING (goodbye, linger) --> CLOSED: on_close
 *
 * Reading: bytes come by on_data, which says how many it used; the rest is kept and offered
 * again, longer, so a parser may wait for a whole message and a sniffer may look without
 * taking. Writing: a call never blocks and never fails; a broken stream drops the bytes and
 * says why in on_close. Who produces much stops while stream_full() and goes on in on_drain.
 *
 * No callback comes from within a call into the stream. on_close comes exactly once, as the
 * last, whoever caused the end; after it returns the stream is gone. An idle stream holds no
 * read buffer.
 */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

struct buf;
struct err;
struct stream;
struct tls;
struct work_pool;

/* What the owner hears. Each may be NULL (on_data NULL: bytes are thrown away). */
struct stream_handler {
	/*
	 * Bytes, borrowed until return. Returns how many were used, 0 to len. The rest is offered
	 * again, at the front of what comes next: when more has come, after stream_resume(), or to
	 * the next handler after stream_attach(). Keeping STREAM_KEPT_MAX bytes unused while more
	 * comes ends the stream with ERR_LIMIT.
	 */
	size_t (*on_data)(void *owner, struct stream *s, const uint8_t *data, size_t len);
	/* The peer will send no more; writing goes on until stream_end() or stream_close(). NULL:
	 * the stream is closed then. */
	void (*on_end)(void *owner, struct stream *s);
	/* The write queue has fallen to STREAM_LOW_WATER after it was full. */
	void (*on_drain)(void *owner, struct stream *s);
	/* The TLS handshake is complete; stream_tls() tells who the peer is. */
	void (*on_secure)(void *owner, struct stream *s);
	/* The last call. err is NULL when both directions ended in order or we closed. */
	void (*on_close)(void *owner, struct stream *s, const struct err *err);
};

#define STREAM_HIGH_WATER (512u * 1024)      /* queued bytes that make stream_full() */
#define STREAM_LOW_WATER  (128u * 1024)      /* queued bytes at which on_drain comes */
#define STREAM_QUEUE_MAX  (8u * 1024 * 1024) /* who writes on regardless is cut off here */
#define STREAM_KEPT_MAX   (128u * 1024)      /* bytes that on_data may leave unused */
#define STREAM_LINGER_MS  2000               /* how long a close waits for the peer */
#define STREAM_PEER_SIZE  64

/* --- making one ------------------------------------------------------------------------------- */

/* Over a connected TCP or unix socket, or a pipe or terminal. The descriptor is the stream's; on
 * failure it is closed. Nothing is read before stream_attach(). TCP gets NODELAY, keep-alive and,
 * at first, immediate acknowledgements.
 * SIGPIPE must be ignored in the process. ERR_IO, ERR_NOMEM. */
int stream_open_fd(uv_loop_t *loop, int take_fd, struct stream **out, struct err *err);

/* For a program that relays, once, at its start: what is encrypted lives for one write, and without
 * this malloc would give it back to the kernel, and fault it in anew, each time. It keeps up to
 * STREAM_MEMORY_KEPT free bytes instead. */
#define STREAM_MEMORY_KEPT (1024 * 1024)
void stream_keep_memory(void);

/* Reads from one descriptor and writes to another. A program's own 0 and 1 move to other numbers,
 * and /dev/null takes their place. */
int stream_open_pair(uv_loop_t *loop, int take_in, int take_out, struct stream **out,
                     struct err *err);

/* From now on `owner` hears, by `h` (borrowed as long as the stream). The first call starts
 * reading; a later one, also from within a callback, hands the stream with its unused bytes on. */
void stream_attach(struct stream *s, const struct stream_handler *h, void *owner);

/* --- reading and writing ---------------------------------------------------------------------- */

void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Sends or queues a copy. Each call goes out at once: gather small pieces in a buf first. */
void stream_write(struct stream *s, const void *data, size_t len);

/* The same without a copy where possible; the buf is empty afterwards. */
void stream_write_buf(struct stream *s, struct buf *take_bytes);

size_t stream_queued(const struct stream *s); /* bytes not yet with the kernel */
bool stream_full(const struct stream *s);     /* stop producing; on_drain will come */

/* --- ending ----------------------------------------------------------------------------------- */

/* We send no more: half-close behind what is queued (close_notify and FIN). Reading goes on;
 * when the peer has ended too, the stream closes by itself. */
void stream_end(struct stream *s);

/* We want no more: sends what is queued and says goodbye, throws away what comes meanwhile,
 * waits for the peer at most STREAM_LINGER_MS. Only on_close follows. */
void stream_close(struct stream *s);

/* Ends at once, queued bytes are lost, TCP peers see a reset. Only on_close follows, with `why`
 * (copied; NULL allowed). */
void stream_reset(struct stream *s, const struct err *why);

/* The same for a stream that was handed to us and that we cannot serve: who had it before has
 * forgotten it, and hears nothing. */
void stream_refuse(struct stream *take_stream, const struct err *why);

/* --- TLS -------------------------------------------------------------------------------------- */

/*
 * Turns a plaintext stream to TLS, as client or server as take_tls was made. Legal once, before
 * or after attach, also from within on_data: bytes that it leaves unused (a ClientHello that was
 * only looked at) go to the handshake. Bytes written before are sent plain, those after wait for
 * the handshake. Its steps run in `pool`, which bounds them and outlives the stream; after
 * timeout_ms, or when the pool's queue is full, the stream ends with ERR_TIMEOUT or ERR_LIMIT.
 */
void stream_start_tls(struct stream *s, struct tls *take_tls, struct work_pool *pool,
                      unsigned timeout_ms);

/* NULL: plaintext. Valid until on_close has returned. */
struct tls *stream_tls(const struct stream *s);
bool stream_secure(const struct stream *s); /* handshake complete */

/* --- about it --------------------------------------------------------------------------------- */

uv_loop_t *stream_loop(const struct stream *s);

/* "192.0.2.7:51234", "[2001:db8::1]:22", "unix", or what stream_set_peer() said (a preface). */
const char *stream_peer(const struct stream *s);
void stream_set_peer(struct stream *s, const char *peer);

/* The process behind a unix socket, by SO_PEERCRED. ERR_UNSUPPORTED for other kinds. */
int stream_peer_cred(const struct stream *s, uid_t *out_uid, gid_t *out_gid, pid_t *out_pid,
                     struct err *err);

/* The descriptor, borrowed: for setsockopt and the like. -1: it has none (it is carried). */
int stream_fd(const struct stream *s);

/*
 * Takes the socket out of a plaintext stream with nothing queued, to hand it to another program:
 * out_fd is blocking and close-on-exec, out_unused gets the bytes that were read but not used
 * (within on_data: all that it was offered, and its result counts no more). Only on_close (err
 * NULL) follows. ERR_INVALID: TLS, queued bytes, a pair, or carried; the stream stays.
 */
int stream_take_fd(struct stream *s, int *out_fd, struct buf *out_unused, struct err *err);

/* Runs once when the stream is freed, whoever owns it then; for listen, which counts. */
void stream_on_free(struct stream *s, void (*hook)(void *arg), void *arg);

#endif

/*
 * frame - the bytes of a session recording: a magic, then frames until the end.
 *
 *   file   = "POSTREC1" frame*
 *   frame  = u32 length of message, u32 check, message        (big-endian)
 *   check  = the first four bytes of SHA-256(message)
 *   message = postern.v1.Frame; its `previous` is the whole SHA-256 of the message
 *             before it (empty in the first), its `index` counts from 0
 *
 * The first frame is a RecordStart, nothing follows a RecordEnd. So a file that was cut
 * anywhere has one longest good prefix, and whoever keeps the hash of the last frame can
 * prove all that came before it. Pure: bytes in, bytes out.
 */
#ifndef RECORD_FRAME_H
#define RECORD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/hash.h"

#include "proto/record.pb.h"

struct err;

#define FRAME_MAGIC       "POSTREC1"
#define FRAME_MAGIC_SIZE  8
#define FRAME_HEADER_SIZE 8
#define FRAME_DATA_MAX    32768u /* of `output` and `error_output` in one frame */
#define FRAME_MESSAGE_MAX 49152u

/* Where a recording stands: what the next frame must carry. { 0 } is the beginning. */
struct frame_chain {
	uint64_t count; /* frames so far = index of the next */
	uint8_t last[HASH_SIZE];
	bool ended;
};

/*
 * Appends one frame to `out`: `f` with index and previous set from the chain, which then
 * moves on. `f`'s own index and previous are ignored. On failure neither changes.
 * ERR_INVALID: not the frame that may come now. ERR_LIMIT: too large, or `out` is full.
 */
int frame_append(struct buf *out, struct frame_chain *chain, const pv_Frame *f, struct err *err);

/* What an output or error_output frame holds, in a good recording at least one byte; NULL for
 * the others. */
const pb_bytes_array_t *frame_data(const pv_Frame *f);

/*
 * Takes a recording as it comes, in pieces of any size, and gives its frames one by one,
 * each checked (length, check, chain, order). After an error it gives nothing more.
 */
struct frame_reader {
	struct buf in; /* bytes not yet used */
	size_t used;   /* of `in` */
	uint64_t good; /* length of the recording's good prefix so far, the magic included */
	struct frame_chain chain;
	pv_Frame frame; /* the one last given */
	bool have_frame;
	bool failed;
};

void frame_reader_init(struct frame_reader *r);
void frame_reader_deinit(struct frame_reader *r);

/* Back to the beginning, for a reader that seeks. */
void frame_reader_reset(struct frame_reader *r);

/* Copies `len` bytes in. Read all frames between two calls: ERR_LIMIT above 1 MB unread. */
int frame_reader_feed(struct frame_reader *r, const void *data, size_t len, struct err *err);

/*
 * The next frame, borrowed until the next call; NULL: feed more. ERR_CORRUPT: the bytes
 * after the good prefix are no frame or not the one that follows.
 */
int frame_reader_next(struct frame_reader *r, const pv_Frame **out_frame, struct err *err);

/* Bytes that were fed and belong to no whole frame yet; at the end of a file: what was cut. */
size_t frame_reader_rest(const struct frame_reader *r);

#endif

#include "record/frame.h"

#include "base/err.h"
#include "base/span.h"
#include "wire/fields.h"

#include "proto/record.fields.h"

#include <pb_encode.h>
#include <string.h>

#define UNREAD_MAX (1024u * 1024)

/* pb_bytes_array_t with room for a hash. */
struct hash_bytes {
	pb_size_t size;
	uint8_t bytes[HASH_SIZE];
};

_Static_assert(offsetof(struct hash_bytes, bytes) == offsetof(pb_bytes_array_t, bytes),
               "hash_bytes stands in for pb_bytes_array_t");

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The kinds of frame in the order in which a recording may have them. */
static int check_order(const struct frame_chain *chain, const pv_Frame *f, int code,
                       struct err *err)
{
	if (chain->ended)
		return err_set(err, code, "a frame after the end frame");
	if (chain->count == 0 && f->which_of != pv_Frame_start_tag)
		return err_set(err, code, "the first frame is not a start frame");
	if (chain->count > 0 && f->which_of == pv_Frame_start_tag)
		return err_set(err, code, "a second start frame");
	return 0;
}

const pb_bytes_array_t *frame_data(const pv_Frame *f)
{
	if (f->which_of == pv_Frame_output_tag)
		return f->of.output;
	return f->which_of == pv_Frame_error_output_tag ? f->of.error_output : NULL;
}

static int check_data(const pv_Frame *f, int code, struct err *err)
{
	const pb_bytes_array_t *data = frame_data(f);

	if (f->which_of != pv_Frame_output_tag && f->which_of != pv_Frame_error_output_tag)
		return 0;
	if (data == NULL || data->size == 0)
		return err_set(err, code, "an output frame without output");
	if (data->size > FRAME_DATA_MAX)
		return err_set(err, code, "more than %u bytes of output in a frame",
		               FRAME_DATA_MAX);
	return 0;
}

static void chain_advance(struct frame_chain *chain, const pv_Frame *f,
                          const uint8_t hash[HASH_SIZE])
{
	memcpy(chain->last, hash, HASH_SIZE);
	chain->count++;
	chain->ended = f->which_of == pv_Frame_end_tag;
}

/* --- writing ------------------------------------------------------------------------------ */

/* Encodes `m` behind a header and appends both. */
static int append_message(struct buf *out, const pv_Frame *m, uint8_t hash[HASH_SIZE],
                          struct err *err)
{
	pb_ostream_t stream;
	size_t size;
	uint8_t *at;

	if (!pb_get_encoded_size(&size, pv_Frame_fields, m))
		return err_set(err, ERR_INTERNAL, "encode frame");
	if (size > FRAME_MESSAGE_MAX)
		return err_set(err, ERR_LIMIT, "a frame of %zu bytes", size);
	at = buf_reserve(out, FRAME_HEADER_SIZE + size);
	if (at == NULL)
		return buf_check(out, err);
	stream = pb_ostream_from_buffer(at + FRAME_HEADER_SIZE, size);
	if (!pb_encode(&stream, pv_Frame_fields, m))
		return err_set(err, ERR_INTERNAL, "encode frame: %s", PB_GET_ERROR(&stream));
	hash_sha256(at + FRAME_HEADER_SIZE, size, hash);
	put_u32(at, (uint32_t)size);
	memcpy(at + 4, hash, 4);
	buf_commit(out, FRAME_HEADER_SIZE + size);
	return 0;
}

int frame_append(struct buf *out, struct frame_chain *chain, const pv_Frame *f, struct err *err)
{
	struct hash_bytes previous = { .size = HASH_SIZE };
	uint8_t hash[HASH_SIZE];
	pv_Frame m = *f;
	int rc;

	if (f->which_of == 0)
		return err_set(err, ERR_INVALID, "a frame without content");
	rc = check_order(chain, f, ERR_INVALID, err);
	if (rc == 0)
		rc = check_data(f, ERR_INVALID, err);
	if (rc != 0)
		return rc;
	m.index = chain->count;
	memcpy(previous.bytes, chain->last, HASH_SIZE);
	m.previous = chain->count > 0 ? (pb_bytes_array_t *)(void *)&previous : NULL;
	rc = append_message(out, &m, hash, err);
	if (rc == 0)
		chain_advance(chain, f, hash);
	return rc;
}

/* --- reading ------------------------------------------------------------------------------ */

void frame_reader_init(struct frame_reader *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->in, UNREAD_MAX);
}

static void drop_frame(struct frame_reader *r)
{
	if (r->have_frame)
		fields_release(&pv_Frame_table, &r->frame);
	r->have_frame = false;
}

void frame_reader_deinit(struct frame_reader *r)
{
	drop_frame(r);
	buf_deinit(&r->in);
}

void frame_reader_reset(struct frame_reader *r)
{
	drop_frame(r);
	buf_clear(&r->in);
	memset(&r->chain, 0, sizeof(r->chain));
	r->used = 0;
	r->good = 0;
	r->failed = false;
}

size_t frame_reader_rest(const struct frame_reader *r)
{
	return r->in.len - r->used;
}

int frame_reader_feed(struct frame_reader *r, const void *data, size_t len, struct err *err)
{
	buf_consume(&r->in, r->used);
	r->used = 0;
	buf_append(&r->in, data, len);
	return buf_check(&r->in, err);
}

static int read_magic(struct frame_reader *r, struct err *err)
{
	if (memcmp(r->in.data + r->used, FRAME_MAGIC, FRAME_MAGIC_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "not a recording");
	r->used += FRAME_MAGIC_SIZE;
	r->good = FRAME_MAGIC_SIZE;
	return 0;
}

static bool previous_matches(const struct frame_chain *chain, const pv_Frame *f)
{
	if (chain->count == 0)
		return f->previous == NULL || f->previous->size == 0;
	return f->previous != NULL && f->previous->size == HASH_SIZE &&
	       memcmp(f->previous->bytes, chain->last, HASH_SIZE) == 0;
}

static int check_follows(const struct frame_chain *chain, const pv_Frame *f, struct err *err)
{
	if (f->index != chain->count)
		return err_set(err, ERR_CORRUPT, "frame %llu where %llu should be",
		               (unsigned long long)f->index, (unsigned long long)chain->count);
	if (!previous_matches(chain, f))
		return err_set(err, ERR_CORRUPT, "frame %llu does not follow the one before it",
		               (unsigned long long)f->index);
	if (check_order(chain, f, ERR_CORRUPT, err) != 0)
		return err->code;
	return check_data(f, ERR_CORRUPT, err);
}

/* The message of `len` bytes at `message` becomes r->frame. */
static int read_message(struct frame_reader *r, const uint8_t *message, size_t len,
                        const uint8_t check[4], struct err *err)
{
	uint8_t hash[HASH_SIZE];
	int rc;

	hash_sha256(message, len, hash);
	if (memcmp(hash, check, 4) != 0)
		return err_set(err, ERR_CORRUPT, "frame %llu is damaged",
		               (unsigned long long)r->chain.count);
	if (fields_decode(&pv_Frame_table, message, len, &r->frame, err) != 0)
		return err_wrap(err, "frame %llu", (unsigned long long)r->chain.count);
	r->have_frame = true;
	rc = check_follows(&r->chain, &r->frame, err);
	if (rc == 0)
		chain_advance(&r->chain, &r->frame, hash);
	return rc;
}

static int read_frame(struct frame_reader *r, bool *out_whole, struct err *err)
{
	const uint8_t *at = r->in.data + r->used;
	size_t rest = frame_reader_rest(r);
	uint32_t len;
	int rc;

	*out_whole = false;
	if (rest < FRAME_HEADER_SIZE)
		return 0;
	len = span_u32_at(at);
	if (len == 0 || len > FRAME_MESSAGE_MAX)
		return err_set(err, ERR_CORRUPT, "a frame of %u bytes", len);
	if (rest - FRAME_HEADER_SIZE < len)
		return 0;
	rc = read_message(r, at + FRAME_HEADER_SIZE, len, at + 4, err);
	if (rc != 0)
		return rc;
	r->used += FRAME_HEADER_SIZE + len;
	r->good += FRAME_HEADER_SIZE + len;
	*out_whole = true;
	return 0;
}

int frame_reader_next(struct frame_reader *r, const pv_Frame **out_frame, struct err *err)
{
	bool whole = false;
	int rc = 0;

	*out_frame = NULL;
	drop_frame(r);
	if (r->failed)
		return err_set(err, ERR_CORRUPT, "the recording is damaged here");
	if (r->good == 0 && frame_reader_rest(r) < FRAME_MAGIC_SIZE)
		return 0;
	if (r->good == 0)
		rc = read_magic(r, err);
	if (rc == 0)
		rc = read_frame(r, &whole, err);
	if (rc != 0) {
		drop_frame(r);
		r->failed = true;
		return rc;
	}
	if (whole)
		*out_frame = &r->frame;
	return 0;
}

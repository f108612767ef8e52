#include "wire/spdy_block.h"

#include "base/err.h"
#include "base/span.h"
#include "base/str.h"
#include "wire/spdy_dictionary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A session sends a handful of short blocks: a small window does, and costs 10 KB instead of 260.
 */
#define WINDOW_BITS 11
#define MEM_LEVEL   1
#define LENGTH_SIZE 4
#define FLUSH_ROOM  64 /* what the end of a block may need beyond deflateBound() */

struct spdy_packer {
	z_stream z;
};

struct spdy_unpacker {
	z_stream z;
};

/* --- life ------------------------------------------------------------------------------------ */

struct spdy_packer *spdy_packer_new(void)
{
	struct spdy_packer *p = calloc(1, sizeof(*p));
	uint8_t dictionary[SPDY_DICTIONARY_SIZE];

	if (p == NULL)
		return NULL;
	if (deflateInit2(&p->z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL,
	                 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(p);
		return NULL;
	}
	spdy_dictionary(dictionary);
	deflateSetDictionary(&p->z, dictionary, sizeof(dictionary));
	return p;
}

void spdy_packer_free(struct spdy_packer *p)
{
	if (p == NULL)
		return;
	deflateEnd(&p->z);
	free(p);
}

struct spdy_unpacker *spdy_unpacker_new(void)
{
	struct spdy_unpacker *u = calloc(1, sizeof(*u));

	if (u != NULL && inflateInit(&u->z) == Z_OK)
		return u;
	free(u);
	return NULL;
}

void spdy_unpacker_free(struct spdy_unpacker *u)
{
	if (u == NULL)
		return;
	inflateEnd(&u->z);
	free(u);
}

void spdy_headers_deinit(struct spdy_headers *h)
{
	buf_deinit(&h->text);
	h->count = 0;
}

const char *spdy_headers_get(const struct spdy_headers *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++) {
		if (str_eq(h->list[i].name, name))
			return h->list[i].value;
	}
	return NULL;
}

/* --- names and values ------------------------------------------------------------------------ */

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

static bool name_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (is_control(c) || c == ' ' || (c >= 'A' && c <= 'Z'))
			return false;
	}
	return len > 0;
}

/* Several values are parted by a NUL on the wire. */
static bool value_take(char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] == 0)
			value[i] = ',';
		else if (is_control((unsigned char)value[i]) && value[i] != '\t')
			return false;
	}
	return true;
}

/* --- reading --------------------------------------------------------------------------------- */

static int inflate_on(z_stream *z)
{
	int rc = inflate(z, Z_SYNC_FLUSH);

	if (rc == Z_NEED_DICT) {
		uint8_t dictionary[SPDY_DICTIONARY_SIZE];

		spdy_dictionary(dictionary);
		rc = inflateSetDictionary(z, dictionary, sizeof(dictionary));
	}
	return rc;
}

static int inflate_block(z_stream *z, const void *data, size_t len, struct buf *out,
                         struct err *err)
{
	uint8_t *at;
	int rc = Z_OK;

	buf_clear(out);
	at = buf_reserve(out, SPDY_BLOCK_MAX + 1);
	if (at == NULL)
		return buf_check(out, err);
	z->next_in = (Bytef *)(uintptr_t)data; /* older zlibs know no const */
	z->avail_in = (uInt)len;
	z->next_out = at;
	z->avail_out = SPDY_BLOCK_MAX + 1;
	while (rc == Z_OK && z->avail_in > 0 && z->avail_out > 0)
		rc = inflate_on(z);
	if (rc == Z_MEM_ERROR)
		return err_set_nomem(err);
	if (z->avail_out == 0)
		return err_set(err, ERR_LIMIT, "a header block of more than %u bytes",
		               SPDY_BLOCK_MAX);
	if (rc != Z_OK || z->avail_in > 0)
		return err_set(err, ERR_INVALID, "a header block that cannot be inflated");
	buf_commit(out, SPDY_BLOCK_MAX + 1 - z->avail_out);
	return 0;
}

/* A string behind its length becomes one with a 0 behind it, over the length's place. */
static char *take_string(struct span *s, size_t *out_len)
{
	struct span string = span_vector(s, LENGTH_SIZE);
	char *at;

	if (s->failed)
		return NULL;
	at = (char *)(uintptr_t)string.at - LENGTH_SIZE;
	*out_len = string.left;
	memmove(at, string.at, string.left);
	at[string.left] = 0;
	return at;
}

static int take_header(struct span *s, struct spdy_headers *out, struct err *err)
{
	size_t name_len = 0, value_len = 0;
	char *name = take_string(s, &name_len);
	char *value = take_string(s, &value_len);

	if (value == NULL || !name_valid(name, name_len) || !value_take(value, value_len))
		return err_set(err, ERR_INVALID, "a header block with a broken header");
	if (spdy_headers_get(out, name) != NULL)
		return err_set(err, ERR_INVALID, "a header block with '%s' twice", name);
	out->list[out->count++] = (struct spdy_header){ name, value };
	return 0;
}

static int parse_block(struct spdy_headers *out, struct err *err)
{
	struct span s = span_of(out->text.data, out->text.len);
	uint64_t count = span_number(&s, LENGTH_SIZE);
	int rc = 0;

	if (count > SPDY_HEADERS_MAX)
		return err_set(err, ERR_LIMIT, "a header block of %llu headers",
		               (unsigned long long)count);
	while (rc == 0 && out->count < count)
		rc = take_header(&s, out, err);
	if (rc == 0 && (s.failed || s.left > 0))
		rc = err_set(err, ERR_INVALID, "a header block of another length than it says");
	return rc;
}

int spdy_unpack(struct spdy_unpacker *u, const void *data, size_t len, struct spdy_headers *out,
                struct err *err)
{
	int rc;

	out->count = 0;
	rc = inflate_block(&u->z, data, len, &out->text, err);
	return rc == 0 ? parse_block(out, err) : rc;
}

/* --- writing --------------------------------------------------------------------------------- */

static int append_string(struct buf *out, const char *text, bool name, struct err *err)
{
	size_t len = strlen(text);

	buf_append_u32(out, (uint32_t)len);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (is_control((unsigned char)c) && c != '\t')
			return err_set(err, ERR_INVALID, "a header with a control character");
		buf_append_byte(out, (uint8_t)(name && c >= 'A' && c <= 'Z' ? c + 32 : c));
	}
	return 0;
}

static int deflate_block(z_stream *z, const struct buf *block, struct buf *out, struct err *err)
{
	size_t room = deflateBound(z, block->len) + FLUSH_ROOM;
	uint8_t *at = buf_reserve(out, room);

	if (at == NULL)
		return buf_check(out, err);
	z->next_in = block->data;
	z->avail_in = (uInt)block->len;
	z->next_out = at;
	z->avail_out = (uInt)room;
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in > 0 || z->avail_out == 0)
		return err_set(err, ERR_INTERNAL, "deflate a header block");
	buf_commit(out, room - z->avail_out);
	return 0;
}

int spdy_pack(struct spdy_packer *p, const struct spdy_header *list, size_t count, struct buf *out,
              struct err *err)
{
	struct buf block = { .max = SPDY_BLOCK_MAX };
	int rc = 0;

	buf_append_u32(&block, (uint32_t)count);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = append_string(&block, list[i].name, true, err);
		if (rc == 0)
			rc = append_string(&block, list[i].value, false, err);
	}
	if (rc == 0)
		rc = buf_check(&block, err);
	if (rc == 0)
		rc = deflate_block(&p->z, &block, out, err);
	buf_deinit(&block);
	return rc;
}

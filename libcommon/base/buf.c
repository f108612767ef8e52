#include "base/buf.h"

#include "base/err.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN 64u

static size_t bound_of(const struct buf *b)
{
	return b->max != 0 ? b->max : BUF_MAX_DEFAULT;
}

static void fail(struct buf *b, int code)
{
	if (b->failed == ERR_OK)
		b->failed = code;
}

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_deinit(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b != NULL && b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_deinit(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = ERR_OK;
	if (b->data != NULL)
		b->data[0] = 0;
}

/*
 * Growing copies by hand and wipes what it leaves, not by realloc(): a buffer
 * that holds a secret must not leave a copy of it in freed memory.
 */
static int grow(struct buf *b, size_t need)
{
	size_t cap = b->cap != 0 ? b->cap : need < CAP_MIN ? CAP_MIN : need;
	uint8_t *data;

	while (cap < need)
		cap *= 2;
	data = malloc(cap);
	if (data == NULL) {
		fail(b, ERR_NOMEM);
		return -1;
	}
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->len);
		free(b->data);
	}
	b->data = data;
	b->cap = cap;
	return 0;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
	if (b->failed != ERR_OK)
		return NULL;
	if (len > bound_of(b) - b->len) {
		fail(b, ERR_LIMIT);
		return NULL;
	}
	if (b->len + len + 1 > b->cap && grow(b, b->len + len + 1) != 0)
		return NULL;
	b->data[b->len] = 0;
	return b->data + b->len;
}

void buf_commit(struct buf *b, size_t len)
{
	assert(b->len + len < b->cap);
	b->len += len;
	b->data[b->len] = 0;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	uint8_t *at = buf_reserve(b, len);

	if (at == NULL)
		return;
	if (len > 0)
		memcpy(at, data, len);
	buf_commit(b, len);
}

void buf_append_byte(struct buf *b, uint8_t byte)
{
	buf_append(b, &byte, 1);
}

void buf_append_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_vappendf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	uint8_t *at;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	at = buf_reserve(b, (size_t)len);
	if (at == NULL)
		return;
	vsnprintf((char *)at, (size_t)len + 1, fmt, ap);
	buf_commit(b, (size_t)len);
}

void buf_appendf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vappendf(b, fmt, ap);
	va_end(ap);
}

void buf_append_u16(struct buf *b, uint16_t v)
{
	buf_append(b, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

void buf_append_u32(struct buf *b, uint32_t v)
{
	buf_append_u16(b, (uint16_t)(v >> 16));
	buf_append_u16(b, (uint16_t)v);
}

void buf_append_u64(struct buf *b, uint64_t v)
{
	buf_append_u32(b, (uint32_t)(v >> 32));
	buf_append_u32(b, (uint32_t)v);
}

void buf_consume(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = 0;
}

const char *buf_str(const struct buf *b)
{
	return b->data != NULL ? (const char *)b->data : "";
}

uint8_t *buf_take(struct buf *b, size_t *out_len)
{
	uint8_t *data = b->data;

	*out_len = b->len;
	b->data = NULL;
	buf_init(b, b->max);
	return data;
}

int buf_check(const struct buf *b, struct err *err)
{
	if (b->failed == ERR_OK)
		return 0;
	if (b->failed == ERR_NOMEM)
		return err_set_nomem(err);
	return err_set(err, ERR_LIMIT, "more than %zu bytes", bound_of(b));
}

/*
 * buf - a growing run of bytes with a bound, for building messages and strings.
 *
 * Failure is sticky: once memory or the bound runs out, the buffer stays as it
 * is, further appends do nothing, and buf_check() at the end tells. So code that
 * builds something long reads straight down, with one check at its end.
 *
 * Invariants: data is NULL or holds len bytes and a 0 byte behind them.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max; /* bound on len; 0 = BUF_MAX_DEFAULT */
	int failed; /* ERR_OK, ERR_NOMEM or ERR_LIMIT; the first wins */
};

#define BUF_MAX_DEFAULT (64u * 1024 * 1024)

/* { 0 } is a valid empty buffer; buf_init() only adds a bound. */
void buf_init(struct buf *b, size_t max);

/* Frees the bytes; the struct is an empty buffer again with the same bound. */
void buf_deinit(struct buf *b);

/* Like buf_deinit(), the bytes overwritten first: for secrets. */
void buf_wipe(struct buf *b);

/* Forgets the content and a failure, keeps the memory. */
void buf_clear(struct buf *b);

void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_byte(struct buf *b, uint8_t byte);
void buf_append_str(struct buf *b, const char *s);
void buf_appendf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vappendf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Big-endian numbers, as networks have them. */
void buf_append_u16(struct buf *b, uint16_t v);
void buf_append_u32(struct buf *b, uint32_t v);
void buf_append_u64(struct buf *b, uint64_t v);

/* Makes room for `len` more bytes and returns where they go, NULL on failure;
 * buf_commit() then says how many were written. */
uint8_t *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);

/* Drops `len` bytes at the front. */
void buf_consume(struct buf *b, size_t len);

/* The content as a C string; "" when empty. Borrowed until the next change. */
const char *buf_str(const struct buf *b);

/* Hands the bytes over (free() them); the buffer is empty then. NULL when nothing was appended. */
uint8_t *buf_take(struct buf *b, size_t *out_len);

/* 0, or the failure of an append as an error. */
int buf_check(const struct buf *b, struct err *err);

#endif

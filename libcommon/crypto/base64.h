/*
 * base64 - the two alphabets of RFC 4648: the usual one with padding, and the one for
 * URLs and file names without.
 *
 * Decoding is strict: no line ends, no blanks, padding exactly as encoding writes it.
 */
#ifndef CRYPTO_BASE64_H
#define CRYPTO_BASE64_H

#include <stddef.h>

struct buf;
struct err;

/* Append to `out`; failure is sticky in it (buf_check). */
void base64_append(struct buf *out, const void *data, size_t len);
void base64url_append(struct buf *out, const void *data, size_t len);

/* Append the decoded bytes to `out`, which is unchanged on failure: ERR_INVALID, ERR_NOMEM,
 * ERR_LIMIT. */
int base64_decode(const char *text, size_t len, struct buf *out, struct err *err);
int base64url_decode(const char *text, size_t len, struct buf *out, struct err *err);

#endif

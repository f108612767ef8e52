/*
 * base32 - RFC 4648's alphabet without padding, as authenticator apps take their keys.
 */
#ifndef CRYPTO_BASE32_H
#define CRYPTO_BASE32_H

#include <stddef.h>

struct buf;

/* Appends; failure is sticky in `out` (buf_check). */
void base32_append(struct buf *out, const void *data, size_t len);

#endif

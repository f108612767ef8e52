/*
 * hex - bytes as lower-case hexadecimal digits and back.
 */
#ifndef CRYPTO_HEX_H
#define CRYPTO_HEX_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* Writes 2 * len digits and a 0; dst has room for them. Returns dst. */
char *hex_encode(char *dst, const void *data, size_t len);

/* Exactly `len` bytes from a text of 2 * len digits, either case. ERR_INVALID: anything else. */
int hex_decode(const char *text, void *dst, size_t len, struct err *err);

#endif

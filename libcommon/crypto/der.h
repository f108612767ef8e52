/*
 * der - writes ASN.1's distinguished encoding (X.690), top to bottom.
 *
 *   size_t seq = der_begin(out, DER_SEQUENCE);
 *   der_put(out, DER_UTF8, name, strlen(name));
 *   der_end(out, seq);
 *
 * Failure is sticky in `out`, as with every struct buf.
 */
#ifndef CRYPTO_DER_H
#define CRYPTO_DER_H

#include <stddef.h>
#include <stdint.h>

struct buf;

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,     /* [0], primitive; add the number */
	DER_CONSTRUCTED = 0xa0, /* [0], constructed; add the number */
};

/* Everything appended until der_end() is the content of this tag. */
size_t der_begin(struct buf *out, uint8_t tag);
void der_end(struct buf *out, size_t begun);

void der_put(struct buf *out, uint8_t tag, const void *content, size_t len);

/* A positive number, big-endian, first byte not 0. */
void der_put_integer(struct buf *out, const uint8_t *number, size_t len);

/* A BIT STRING of whole bytes. */
void der_put_bits(struct buf *out, const void *bytes, size_t len);

/* Seconds since 1970 as X.509 wants them: UTCTime before 2050, GeneralizedTime from there on. */
void der_put_time(struct buf *out, int64_t seconds);

#endif

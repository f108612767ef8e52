/*
 * sshwire - the data types of SSH (RFC 4251, 5), read and written.
 *
 * Failure is sticky on both sides: a reader that once ran past its end gives zeroes and empty
 * strings from then on, and sshwire_end() tells; a writer is a struct buf.
 */
#ifndef CRYPTO_SSHWIRE_H
#define CRYPTO_SSHWIRE_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct sshwire {
	struct span in;
};

struct sshwire_string {
	const uint8_t *data; /* never NULL */
	size_t len;
};

void sshwire_init(struct sshwire *r, const void *data, size_t len);
uint8_t sshwire_u8(struct sshwire *r);
uint32_t sshwire_u32(struct sshwire *r);
uint64_t sshwire_u64(struct sshwire *r);
struct sshwire_string sshwire_string(struct sshwire *r);
bool sshwire_more(const struct sshwire *r); /* bytes left, and good so far */
bool sshwire_end(const struct sshwire *r);  /* all was there, and nothing behind it */

/* Whether it holds exactly these bytes. */
bool sshwire_is(struct sshwire_string s, const char *text);

/* A positive mpint without needless zeroes: its size in bits; 0 for anything else. */
size_t sshwire_mpint_bits(struct sshwire_string s);

void sshwire_put_string(struct buf *out, const void *data, size_t len);
void sshwire_put_text(struct buf *out, const char *text);

/* A positive number, big-endian, as an mpint. */
void sshwire_put_mpint(struct buf *out, const uint8_t *number, size_t len);

#endif

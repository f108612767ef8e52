/*
 * pem - bytes between BEGIN and END lines (RFC 7468).
 *
 * Encrypted blocks and headers inside a block are refused.
 */
#ifndef CRYPTO_PEM_H
#define CRYPTO_PEM_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

#define PEM_LABEL_SIZE 64

/* Appends a block as text; failure is sticky in `out`. */
void pem_append(struct buf *out, const char *label, const void *der, size_t len);

/* Whether any block begins somewhere in the text. */
bool pem_is(const void *text, size_t len);

/*
 * Appends the bytes of the first block to `der`, its label to out_label, and sets *used to how
 * much of the text was consumed, so that a loop reads a bundle. Text between blocks is skipped.
 * ERR_NOT_FOUND: no (more) block; ERR_INVALID: one that is broken.
 */
int pem_next(const char *text, size_t len, char out_label[PEM_LABEL_SIZE], struct buf *der,
             size_t *used, struct err *err);

#endif

/*
 * span - a run of somebody else's bytes, read from its front.
 *
 * Failure is sticky: what was once read past its end gives zeroes and empty spans from then on, and
 * `failed` tells at the end. Numbers are big-endian, as networks have them.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *at; /* into the caller's bytes */
	size_t left;
	bool failed;
};

struct span span_of(const void *data, size_t len);

/* Passes over `len` bytes and returns the first; NULL: there are fewer. */
const uint8_t *span_skip(struct span *s, size_t len);

/* A number of 1 to 8 bytes. */
uint64_t span_number(struct span *s, size_t bytes);

/* A vector: its length as a number of so many bytes, then as many bytes. */
struct span span_vector(struct span *s, size_t bytes);

/* The four bytes at `at`, which are there. */
uint32_t span_u32_at(const uint8_t *at);

#endif

/*
 * rand - random bytes from the kernel, and jitter for timers.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* Never fails: getrandom(2), which waits for entropy at boot. */
void rand_bytes(void *out, size_t len);

/* Evenly spread in [0, bound); bound > 0. */
uint32_t rand_below(uint32_t bound);

/* `ms` give or take a fifth, so that a thousand peers do not come back in one instant. */
int64_t rand_jitter(int64_t ms);

/* A random UUID (version 4, RFC 4122), 36 characters and a 0. */
#define RAND_UUID_SIZE 37
void rand_uuid(char out[RAND_UUID_SIZE]);

/* `len` random bytes in lower-case hex and a 0; out holds 2 * len + 1. */
void rand_hex(char *out, size_t len);

#endif

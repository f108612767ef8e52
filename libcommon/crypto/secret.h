/*
 * secret - compare, make and forget values that nobody else may learn.
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* In a time that depends on the lengths alone. NULL equals nothing. */
bool secret_equal(const void *a, const void *b, size_t len);
bool secret_str_equal(const char *a, const char *b);

/* 256 random bits, url-safe: for join tokens, invites, web sessions. */
#define SECRET_TOKEN_SIZE 44
void secret_token(char out[SECRET_TOKEN_SIZE]);

/* Overwrites, then frees; NULL is fine. */
void secret_free(void *p, size_t len);
void secret_str_free(char *s);

#endif

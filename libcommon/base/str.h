/*
 * str - what string.h lacks: bounded copies, prefix tests, strict numbers.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_empty(const char *s); /* NULL or "" */

/* Is it one of the words of a text, which are separated by blanks? */
bool str_has_word(const char *words, const char *word);

/* Copies with a 0 at the end. ERR_LIMIT, and dst is "", when it does not fit. */
int str_copy(char *dst, size_t size, const char *src);

/* A malloc'ed "%s" text; NULL when memory runs out. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A whole decimal number within bounds, nothing before or behind it. ERR_INVALID otherwise. */
int str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out, struct err *err);

/*
 * Durations as Go writes them: "8h", "1h30m", "250ms", "0"; "never" is 0.
 * In milliseconds. ERR_INVALID: not a duration, negative, or above 100 years.
 */
int str_to_duration(const char *s, int64_t *out_ms, struct err *err);

/* The inverse, as Go prints it ("8h0m0s", "250ms", "0s"). Returns dst. */
char *str_from_duration(char *dst, size_t size, int64_t ms);

/* RFC 3339 in UTC: "2026-11-20T08:41:27.123Z" from and to milliseconds since 1970. */
int str_to_time(const char *s, int64_t *out_ms, struct err *err);
char *str_from_time(char *dst, size_t size, int64_t ms);

#define STR_TIME_SIZE     32
#define STR_DURATION_SIZE 32

/* How long the host of "host:port" is; all of it when there is no port. */
size_t str_host_len(const char *addr);

#endif

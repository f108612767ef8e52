/*
 * rates - so many things a second for each name, with a reserve for bursts.
 *
 * Virtual scheduling (GCRA, ITU-T I.371 annex A): of a name one time is kept, at which its reserve
 * is whole again. Who is past that costs nothing and is forgotten, so the table holds only who
 * was busy lately; it has a bound all the same.
 */
#ifndef BASE_RATES_H
#define BASE_RATES_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct rates;

struct rate {
	int64_t per_second; /* 0 = no bound */
	int64_t burst;      /* so many at once, after a while of none; at least 1 */
};

struct rates *rates_new(size_t names_max); /* NULL when memory runs out */
void rates_free(struct rates *r);

/*
 * One more of `name` at `now_ms` (monotonic). ERR_LIMIT: too many, with err->retry_ms; or more
 * names at once than the table holds. ERR_NOMEM.
 */
int rates_take(struct rates *r, const char *name, const struct rate *rate, int64_t now_ms,
               struct err *err);

/* Names that are remembered. */
size_t rates_count(const struct rates *r);

#endif

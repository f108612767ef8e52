#include "base/rates.h"

#include "base/err.h"
#include "base/map.h"

#include <stdlib.h>

#define SECOND_US 1000000

struct rates {
	struct map *names; /* -> struct entry */
	size_t max;
	int64_t look_us; /* when a full table may be looked through again */
};

struct entry {
	int64_t whole_us; /* when the reserve is whole again */
};

struct rates *rates_new(size_t names_max)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->max = names_max;
	r->names = map_new();
	if (r->names == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void rates_free(struct rates *r)
{
	struct entry *e;
	size_t at = 0;

	if (r == NULL)
		return;
	while ((e = map_next(r->names, &at, NULL)) != NULL)
		free(e);
	map_free(r->names);
	free(r);
}

/* Once a second: a full table costs no more, however many are turned away. */
static void forget_idle(struct rates *r, int64_t now_us)
{
	const char *name;
	struct entry *e;
	size_t at = 0;

	if (now_us < r->look_us)
		return;
	r->look_us = now_us + SECOND_US;
	while ((e = map_next(r->names, &at, &name)) != NULL)
		if (e->whole_us <= now_us) {
			map_remove(r->names, name);
			free(e);
		}
}

static struct entry *entry_of(struct rates *r, const char *name, int64_t now_us, struct err *err)
{
	struct entry *e = map_get(r->names, name);

	if (e != NULL)
		return e;
	if (map_count(r->names) >= r->max)
		forget_idle(r, now_us);
	if (map_count(r->names) >= r->max) {
		err_set(err, ERR_LIMIT, "more than %zu callers at once; try again soon", r->max);
		err->retry_ms = 1000;
		return NULL;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL || map_put(r->names, name, e, NULL) != 0) {
		free(e);
		err_set_nomem(err);
		return NULL;
	}
	return e;
}

int rates_take(struct rates *r, const char *name, const struct rate *rate, int64_t now_ms,
               struct err *err)
{
	int64_t now_us = now_ms * 1000, step_us, early_us;
	struct entry *e;

	if (rate->per_second == 0)
		return 0;
	e = entry_of(r, name, now_us, err);
	if (e == NULL)
		return err->code;
	step_us = SECOND_US / rate->per_second;
	if (e->whole_us < now_us)
		e->whole_us = now_us;
	early_us = e->whole_us + step_us - now_us - rate->burst * step_us;
	if (early_us > 0) {
		err_set(err, ERR_LIMIT, "too many calls; try again in %lld ms",
		        (long long)(early_us + 999) / 1000);
		err->retry_ms = (unsigned)((early_us + 999) / 1000);
		return ERR_LIMIT;
	}
	e->whole_us += step_us;
	return 0;
}

size_t rates_count(const struct rates *r)
{
	return map_count(r->names);
}

#include "tunneld/seats.h"

#include "base/map.h"

#include <stdlib.h>

struct seat {
	bool claimed;
	int64_t until; /* known so long, unless it is claimed */
};

struct seats {
	struct map *by_id;
	size_t claimed;
	unsigned most;
};

struct seats *seats_new(void)
{
	struct seats *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->by_id = map_new();
	if (s->by_id != NULL)
		return s;
	free(s);
	return NULL;
}

void seats_free(struct seats *s)
{
	struct seat *seat;
	size_t at = 0;

	if (s == NULL)
		return;
	while ((seat = map_next(s->by_id, &at, NULL)) != NULL)
		free(seat);
	map_free(s->by_id);
	free(s);
}

void seats_set_most(struct seats *s, unsigned most)
{
	s->most = most;
}

/* NULL: there are too many, or memory runs out. */
static struct seat *seat_of(struct seats *s, const char *id)
{
	struct seat *seat = map_get(s->by_id, id);

	if (seat != NULL || map_count(s->by_id) >= SEATS_MAX)
		return seat;
	seat = calloc(1, sizeof(*seat));
	if (seat == NULL || map_put(s->by_id, id, seat, NULL) == 0)
		return seat;
	free(seat);
	return NULL;
}

void seats_see(struct seats *s, const char *id, int64_t ttl_ms, int64_t now_ms)
{
	struct seat *seat = seat_of(s, id);
	int64_t until;

	if (seat != NULL && !__builtin_add_overflow(now_ms, ttl_ms, &until) && until > seat->until)
		seat->until = until;
}

bool seats_claim(struct seats *s, const char *id)
{
	struct seat *seat = seat_of(s, id);

	if (seat == NULL || seat->claimed || (s->most > 0 && s->claimed >= s->most))
		return false;
	seat->claimed = true;
	s->claimed++;
	return true;
}

void seats_release(struct seats *s, const char *id, int64_t now_ms)
{
	struct seat *seat = map_get(s->by_id, id);

	if (seat == NULL || !seat->claimed)
		return;
	seat->claimed = false;
	s->claimed--;
	if (seat->until < now_ms + SEATS_KEPT_MS)
		seat->until = now_ms + SEATS_KEPT_MS;
}

void seats_expire(struct seats *s, int64_t now_ms)
{
	struct seat *seat;
	const char *id;
	size_t at = 0;

	while ((seat = map_next(s->by_id, &at, &id)) != NULL) {
		if (seat->claimed || seat->until > now_ms)
			continue;
		map_remove(s->by_id, id);
		free(seat);
	}
}

size_t seats_claimed(const struct seats *s)
{
	return s->claimed;
}

size_t seats_known(const struct seats *s)
{
	return map_count(s->by_id);
}

size_t seats_wanted(const struct seats *s)
{
	size_t free_seats = map_count(s->by_id) - s->claimed;
	size_t seekers = free_seats < SEATS_SEEKERS ? free_seats : SEATS_SEEKERS;
	size_t wanted = s->claimed + seekers;

	if (s->most > 0 && wanted > s->most)
		wanted = s->most;
	return wanted > 0 ? wanted : 1;
}

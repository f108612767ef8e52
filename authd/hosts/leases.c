#include "authd/hosts/leases.h"

#include "base/err.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct leases {
	struct map *by_key;
	struct lease **heap; /* the first has to be looked at first */
	size_t count;
	size_t room;
};

struct leases *leases_new(void)
{
	struct leases *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->by_key = map_new();
	if (l->by_key == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void leases_clear(struct leases *l)
{
	for (size_t i = 0; i < l->count; i++) {
		map_remove(l->by_key, l->heap[i]->key);
		free(l->heap[i]);
	}
	l->count = 0;
}

void leases_free(struct leases *l)
{
	if (l == NULL)
		return;
	leases_clear(l);
	free(l->heap);
	map_free(l->by_key);
	free(l);
}

/* --- the heap -------------------------------------------------------------------------------- */

static void place(struct leases *l, size_t at, struct lease *lease)
{
	l->heap[at] = lease;
	lease->at = at;
}

static void sift_up(struct leases *l, struct lease *lease)
{
	size_t at = lease->at;

	while (at > 0 && l->heap[(at - 1) / 2]->look > lease->look) {
		place(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(l, at, lease);
}

static void sift_down(struct leases *l, struct lease *lease)
{
	size_t at = lease->at;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < l->count && l->heap[child + 1]->look < l->heap[child]->look)
			child++;
		if (child >= l->count || l->heap[child]->look >= lease->look)
			break;
		place(l, at, l->heap[child]);
		at = child;
	}
	place(l, at, lease);
}

static void look_at(struct leases *l, struct lease *lease, int64_t when)
{
	bool earlier = when < lease->look;

	lease->look = when;
	if (earlier)
		sift_up(l, lease);
	else
		sift_down(l, lease);
}

static int make_room(struct leases *l, struct err *err)
{
	size_t room = l->room != 0 ? 2 * l->room : 64;
	struct lease **heap;

	if (l->count < l->room)
		return 0;
	heap = realloc(l->heap, room * sizeof(*heap));
	if (heap == NULL)
		return err_set_nomem(err);
	l->heap = heap;
	l->room = room;
	return 0;
}

/* --- leases ---------------------------------------------------------------------------------- */

static struct lease *add(struct leases *l, const char *key, struct err *err)
{
	size_t size = strlen(key) + 1;
	struct lease *lease;

	if (make_room(l, err) != 0)
		return NULL;
	lease = calloc(1, sizeof(*lease) + size);
	if (lease == NULL || map_put(l->by_key, key, lease, NULL) != 0) {
		free(lease);
		err_set_nomem(err);
		return NULL;
	}
	memcpy(lease->key, key, size);
	lease->look = INT64_MAX;
	place(l, l->count++, lease);
	return lease;
}

int leases_put(struct leases *l, const char *key, uint64_t revision, int64_t ttl_ms, int64_t now,
               struct err *err)
{
	struct lease *lease = map_get(l->by_key, key);

	if (lease == NULL)
		lease = add(l, key, err);
	if (lease == NULL)
		return err->code;
	lease->revision = revision;
	lease->ttl_ms = ttl_ms;
	lease->ending = false;
	lease->deadline = now + ttl_ms;
	lease->told = now;
	look_at(l, lease, lease->deadline);
	return 0;
}

void leases_remove(struct leases *l, const char *key)
{
	struct lease *lease = map_remove(l->by_key, key);
	struct lease *last;

	if (lease == NULL)
		return;
	last = l->heap[--l->count];
	if (last != lease) {
		place(l, lease->at, last);
		sift_up(l, last);
		sift_down(l, last);
	}
	free(lease);
}

struct lease *leases_keep(struct leases *l, const char *key, int64_t now)
{
	struct lease *lease = map_get(l->by_key, key);

	if (lease == NULL || lease->ending)
		return NULL;
	lease->deadline = now + lease->ttl_ms;
	return lease;
}

bool leases_has(const struct leases *l, const char *key)
{
	return map_get(l->by_key, key) != NULL;
}

/* Deadlines only move away, so the heap stays one. */
void leases_restart(struct leases *l, int64_t now)
{
	for (size_t i = 0; i < l->count; i++)
		l->heap[i]->deadline = now + l->heap[i]->ttl_ms;
}

const struct lease *leases_first_due(struct leases *l, int64_t now, int64_t retry_ms)
{
	while (l->count > 0 && l->heap[0]->look <= now) {
		struct lease *first = l->heap[0];

		if (first->deadline > now) {
			look_at(l, first, first->deadline);
			continue;
		}
		first->ending = true;
		look_at(l, first, now + retry_ms);
		return first;
	}
	return NULL;
}

size_t leases_count(const struct leases *l)
{
	return l->count;
}

#include "base/map.h"

#include "base/err.h"
#include "base/rand.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing with linear probing; a removed entry leaves a tombstone until the next growth. */
struct slot {
	char *key; /* NULL = free, or a tombstone when dead */
	void *value;
	int dead;
};

struct map {
	struct slot *slots;
	size_t cap; /* a power of two */
	size_t count;
	size_t used; /* count + tombstones */
	uint64_t seed;
};

#define MAP_CAP_MIN 16

struct map *map_new(void)
{
	struct map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->slots = calloc(MAP_CAP_MIN, sizeof(*m->slots));
	if (m->slots == NULL) {
		free(m);
		return NULL;
	}
	m->cap = MAP_CAP_MIN;
	rand_bytes(&m->seed, sizeof(m->seed));
	return m;
}

void map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].key);
	free(m->slots);
	free(m);
}

/* FNV-1a from a secret start, finished so that high bits reach low ones. */
static uint64_t hash(const struct map *m, const char *key)
{
	uint64_t h = 0xcbf29ce484222325u ^ m->seed;

	for (; *key != 0; key++)
		h = (h ^ (uint8_t)*key) * 0x100000001b3u;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

/* The slot that holds the key, or the one where it would go. */
static struct slot *find(const struct map *m, const char *key)
{
	struct slot *reuse = NULL;

	for (size_t i = hash(m, key);; i++) {
		struct slot *s = &m->slots[i & (m->cap - 1)];

		if (s->key != NULL && strcmp(s->key, key) == 0)
			return s;
		if (s->key == NULL && s->dead && reuse == NULL)
			reuse = s;
		if (s->key == NULL && !s->dead)
			return reuse != NULL ? reuse : s;
	}
}

static int rehash(struct map *m)
{
	struct map bigger = { .cap = m->cap, .seed = m->seed };

	while (bigger.cap < (m->count + 1) * 2)
		bigger.cap *= 2;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key != NULL)
			*find(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	m->slots = bigger.slots;
	m->cap = bigger.cap;
	m->used = m->count;
	return 0;
}

int map_put(struct map *m, const char *key, void *value, void **out_old)
{
	struct slot *s;
	char *copy;

	if (m->used + 1 > m->cap / 4 * 3 && rehash(m) != 0)
		return ERR_NOMEM;
	s = find(m, key);
	if (out_old != NULL)
		*out_old = s->key != NULL ? s->value : NULL;
	if (s->key == NULL) {
		copy = strdup(key);
		if (copy == NULL)
			return ERR_NOMEM;
		m->used += s->dead ? 0 : 1;
		m->count++;
		*s = (struct slot){ .key = copy };
	}
	s->value = value;
	return 0;
}

void *map_get(const struct map *m, const char *key)
{
	const struct slot *s = find(m, key);

	return s->key != NULL ? s->value : NULL;
}

void *map_remove(struct map *m, const char *key)
{
	struct slot *s = find(m, key);
	void *value = s->value;

	if (s->key == NULL)
		return NULL;
	free(s->key);
	*s = (struct slot){ .dead = 1 };
	m->count--;
	return value;
}

size_t map_count(const struct map *m)
{
	return m->count;
}

void *map_next(const struct map *m, size_t *at, const char **out_key)
{
	for (; *at < m->cap; ++*at) {
		struct slot *s = &m->slots[*at];

		if (s->key == NULL)
			continue;
		++*at;
		if (out_key != NULL)
			*out_key = s->key;
		return s->value;
	}
	return NULL;
}

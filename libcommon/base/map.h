/*
 * map - from a string to a pointer. Keys are copied; values belong to the caller.
 *
 * Keyed hashing (SipHash of libsodium is not available this low): a random seed
 * per map keeps a peer that chooses keys from making them collide.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct map;

struct map *map_new(void); /* NULL when memory runs out */
void map_free(struct map *m);

/* Puts or replaces. *out_old (may be NULL) gets the replaced value or NULL. ERR_NOMEM. */
int map_put(struct map *m, const char *key, void *value, void **out_old);
void *map_get(const struct map *m, const char *key); /* NULL: absent */
void *map_remove(struct map *m, const char *key);    /* the value, NULL: was absent */
size_t map_count(const struct map *m);

/* Walks in no particular order: start with *at = 0; NULL at the end. The map may not
 * change meanwhile, except that the entry just returned may be removed. */
void *map_next(const struct map *m, size_t *at, const char **out_key);

#endif

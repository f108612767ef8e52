#include "store/recent.h"

#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 1024 /* first parts that are told apart */
#define PART_SIZE 128

struct recent {
	struct map *parts; /* "/nodes/" -> revision */
	uint64_t newest;   /* of any key */
	bool blind;        /* some part is missing in the map */
};

struct recent *recent_new(void)
{
	struct recent *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->parts = map_new();
	if (r->parts != NULL)
		return r;
	free(r);
	return NULL;
}

void recent_free(struct recent *r)
{
	if (r == NULL)
		return;
	map_free(r->parts);
	free(r);
}

/* "/nodes/" of "/nodes/web-1"; false when there is none, or a long one. */
static bool first_part(const char *key, char out[PART_SIZE])
{
	const char *end = key[0] == '/' ? strchr(key + 1, '/') : NULL;
	size_t len = end != NULL ? (size_t)(end + 1 - key) : 0;

	if (len == 0 || len >= PART_SIZE)
		return false;
	memcpy(out, key, len);
	out[len] = 0;
	return true;
}

static bool is_known(const struct recent *r, const char *part)
{
	return map_get(r->parts, part) != NULL;
}

void recent_note(struct recent *r, const char *key, uint64_t revision)
{
	char part[PART_SIZE];

	r->newest = revision;
	if (!first_part(key, part))
		return; /* a prefix that it begins with has no whole part either */
	if (!is_known(r, part) && map_count(r->parts) == PARTS_MAX)
		r->blind = true;
	else if (map_put(r->parts, part, (void *)(uintptr_t)revision, NULL) != 0)
		r->blind = true;
}

uint64_t recent_of(const struct recent *r, const char *prefix)
{
	char part[PART_SIZE];

	if (r->blind || !first_part(prefix, part))
		return r->newest;
	return (uint64_t)(uintptr_t)map_get(r->parts, part);
}

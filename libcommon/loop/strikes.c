#include "loop/strikes.h"

#include "loop/addr.h"

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct strikes {
	unsigned allowed;
	int64_t window_ms;
	struct map *by_network;
	struct list all; /* struct network, the one with the oldest strike first */
};

struct network {
	struct list link;
	unsigned count; /* since `begun` */
	int64_t begun;
	char name[ADDR_TEXT_SIZE];
};

struct strikes *strikes_new(unsigned allowed, int64_t window_ms)
{
	struct strikes *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->allowed = allowed;
	s->window_ms = window_ms;
	list_init(&s->all);
	s->by_network = map_new();
	if (s->by_network == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static void forget(struct strikes *s, struct network *n)
{
	list_remove(&n->link);
	map_remove(s->by_network, n->name);
	free(n);
}

void strikes_free(struct strikes *s)
{
	if (s == NULL)
		return;
	while (!list_empty(&s->all))
		forget(s, container_of(s->all.next, struct network, link));
	map_free(s->by_network);
	free(s);
}

static struct network *remember(struct strikes *s, const char *name)
{
	struct network *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	list_init(&n->link);
	memcpy(n->name, name, sizeof(n->name));
	if (map_put(s->by_network, n->name, n, NULL) != 0) {
		free(n);
		return NULL;
	}
	if (map_count(s->by_network) > STRIKES_NETWORKS_MAX)
		forget(s, container_of(s->all.next, struct network, link));
	return n;
}

void strikes_add(struct strikes *s, const char *addr, int64_t now_ms)
{
	char name[ADDR_TEXT_SIZE] = "";
	struct network *n = map_get(s->by_network, addr_network(addr, name));

	if (n == NULL)
		n = remember(s, name);
	if (n == NULL)
		return;
	if (n->count == 0 || now_ms - n->begun >= s->window_ms) {
		n->count = 0;
		n->begun = now_ms;
	}
	n->count++;
	list_remove(&n->link);
	list_append(&s->all, &n->link);
}

int strikes_check(struct strikes *s, const char *addr, int64_t now_ms, struct err *err)
{
	char name[ADDR_TEXT_SIZE] = "";
	const struct network *n = map_get(s->by_network, addr_network(addr, name));

	if (n == NULL || n->count <= s->allowed || now_ms - n->begun >= s->window_ms)
		return 0;
	return err_set(err, ERR_LIMIT, "'%s' was wrong %u times in %lld s", n->name, n->count,
	               (long long)(s->window_ms / 1000));
}

#include "loop/tally.h"

#include "loop/addr.h"

#include "base/err.h"
#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>

struct tally {
	unsigned max;
	unsigned max_per_addr;
	unsigned count;
	bool orphan;             /* its maker is gone */
	struct map *per_network; /* text of the network -> struct tally_entry */
};

/* All from one network. */
struct tally_entry {
	struct tally *tally;
	unsigned count;
	char network[ADDR_TEXT_SIZE];
};

struct tally *tally_new(unsigned max, unsigned max_per_addr)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max = max;
	t->max_per_addr = max_per_addr;
	t->per_network = map_new();
	if (t->per_network == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

static void free_when_unused(struct tally *t)
{
	if (!t->orphan || t->count > 0)
		return;
	map_free(t->per_network);
	free(t);
}

void tally_unref(struct tally *t)
{
	if (t == NULL)
		return;
	t->orphan = true;
	free_when_unused(t);
}

static struct tally_entry *entry_of(struct tally *t, const struct sockaddr *from)
{
	char network[ADDR_TEXT_SIZE];
	struct tally_entry *e = map_get(t->per_network, addr_print_network(from, network));

	if (e != NULL)
		return e;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->tally = t;
	addr_print_network(from, e->network);
	if (map_put(t->per_network, e->network, e, NULL) != 0) {
		free(e);
		return NULL;
	}
	return e;
}

int tally_add(struct tally *t, const struct sockaddr *from, struct tally_entry **out,
              struct err *err)
{
	bool bounded = t->max_per_addr != 0 && from->sa_family != AF_UNIX;
	struct tally_entry *e;

	if (t->count >= t->max)
		return err_set(err, ERR_LIMIT, "%u connections are open already", t->count);
	e = entry_of(t, from);
	if (e == NULL)
		return err_set_nomem(err);
	if (bounded && e->count >= t->max_per_addr)
		return err_set(err, ERR_LIMIT, "%u connections from '%s' are open already",
		               e->count, e->network);
	e->count++;
	t->count++;
	*out = e;
	return 0;
}

void tally_remove(void *entry)
{
	struct tally_entry *e = entry;
	struct tally *t;

	if (e == NULL)
		return;
	t = e->tally;
	t->count--;
	if (--e->count == 0) {
		map_remove(t->per_network, e->network);
		free(e);
	}
	free_when_unused(t);
}

unsigned tally_count(const struct tally *t)
{
	return t->count;
}

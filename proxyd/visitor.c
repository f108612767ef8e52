#include "proxyd/visitor.h"

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "loop/stream.h"
#include "loop/tally.h"

#include <stdbool.h>
#include <stdlib.h>

struct visitors {
	struct list all;
	struct tally *unproven;
	bool orphan;
};

struct visitor {
	struct list link;
	struct visitors *of;
	struct tally_entry *unproven; /* NULL: has logged in */
	char client[STREAM_PEER_SIZE];
};

struct visitors *visitors_new(void)
{
	struct visitors *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	list_init(&all->all);
	all->unproven = tally_new(VISITORS_MAX, VISITORS_MAX_PER_ADDR);
	if (all->unproven == NULL) {
		free(all);
		return NULL;
	}
	return all;
}

static void free_when_unused(struct visitors *all)
{
	if (!all->orphan || !list_empty(&all->all))
		return;
	tally_unref(all->unproven);
	free(all);
}

void visitors_free(struct visitors *all)
{
	if (all == NULL)
		return;
	all->orphan = true;
	free_when_unused(all);
}

int visitor_come(struct visitors *all, const struct sockaddr *from, const char *client,
                 struct visitor **out, struct err *err)
{
	struct visitor *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_set_nomem(err);
	if (tally_add(all->unproven, from, &v->unproven, err) != 0) {
		free(v);
		return err_wrap(err, "the SSH door");
	}
	v->of = all;
	str_copy(v->client, sizeof(v->client), client);
	list_append(&all->all, &v->link);
	*out = v;
	return 0;
}

void visitor_prove(struct visitors *all, const char *client)
{
	for (struct list *at = all->all.next; at != &all->all; at = at->next) {
		struct visitor *v = container_of(at, struct visitor, link);

		if (!str_eq(v->client, client))
			continue;
		tally_remove(v->unproven);
		v->unproven = NULL;
	}
}

void visitor_leave(struct visitor *v)
{
	struct visitors *all;

	if (v == NULL)
		return;
	all = v->of;
	list_remove(&v->link);
	tally_remove(v->unproven);
	free(v);
	free_when_unused(all);
}

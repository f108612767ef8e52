#include "store/prefixes.h"

#include "base/err.h"
#include "base/map.h"
#include "store/keyspace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct prefixes {
	struct map *lists;                      /* prefix -> struct list of struct prefix */
	unsigned lengths[KEYSPACE_KEY_MAX + 1]; /* how many lists have a prefix so long */
};

struct prefixes *prefixes_new(void)
{
	struct prefixes *index = calloc(1, sizeof(*index));

	if (index == NULL)
		return NULL;
	index->lists = map_new();
	if (index->lists == NULL) {
		free(index);
		return NULL;
	}
	return index;
}

void prefixes_free(struct prefixes *index)
{
	if (index == NULL)
		return;
	assert(map_count(index->lists) == 0);
	map_free(index->lists);
	free(index);
}

static struct list *new_list(struct prefixes *index, const char *text)
{
	struct list *head = malloc(sizeof(*head));

	if (head == NULL)
		return NULL;
	list_init(head);
	if (map_put(index->lists, text, head, NULL) != 0) {
		free(head);
		return NULL;
	}
	index->lengths[strlen(text)]++;
	return head;
}

int prefixes_add(struct prefixes *index, struct prefix *p, struct err *err)
{
	struct list *head = map_get(index->lists, p->text);

	if (head == NULL)
		head = new_list(index, p->text);
	if (head == NULL)
		return err_set_nomem(err);
	list_append(head, &p->link);
	return 0;
}

void prefixes_remove(struct prefixes *index, struct prefix *p)
{
	struct list *head;

	if (p->link.next == NULL || list_empty(&p->link))
		return;
	list_remove(&p->link);
	head = map_get(index->lists, p->text);
	if (!list_empty(head))
		return;
	index->lengths[strlen(p->text)]--;
	map_remove(index->lists, p->text);
	free(head);
}

static void match_list(struct list *head, void (*fn)(void *arg, struct prefix *p), void *arg)
{
	struct list *next;

	/* The last removal frees the head, so it is looked at only while somebody is left. */
	for (struct list *at = head->next; at != head; at = next) {
		bool last = at->next == head;

		next = at->next;
		fn(arg, container_of(at, struct prefix, link));
		if (last)
			return;
	}
}

size_t prefixes_match(struct prefixes *index, const char *key,
                      void (*fn)(void *arg, struct prefix *p), void *arg)
{
	char text[KEYSPACE_KEY_MAX + 1];
	size_t len = strlen(key);
	size_t lookups = 0;

	for (size_t n = 0; n <= len && n <= KEYSPACE_KEY_MAX; n++) {
		struct list *head;

		if (index->lengths[n] == 0)
			continue;
		memcpy(text, key, n);
		text[n] = 0;
		head = map_get(index->lists, text);
		lookups++;
		if (head != NULL)
			match_list(head, fn, arg);
	}
	return lookups;
}

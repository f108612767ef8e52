/*
 * list - members linked through a field of their own, so that linking never allocates.
 *
 *   struct list conns;                     list_init(&conns);
 *   struct conn { struct list link; … };   list_append(&conns, &c->link);
 *   for (struct list *at = conns.next; at != &conns; at = at->next)
 *           use(container_of(at, struct conn, link));
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#ifndef container_of
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#endif

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Legal on a member that is already out, or was only list_init()ed. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#endif

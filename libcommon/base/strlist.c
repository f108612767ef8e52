#include "base/strlist.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

void strlist_deinit(struct strlist *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct strlist){ 0 };
}

int strlist_take(struct strlist *l, char *take_s, struct err *err)
{
	size_t cap = l->cap != 0 ? 2 * l->cap : 8;
	char **items;

	if (take_s == NULL)
		return err_set_nomem(err);
	if (l->count == l->cap) {
		items = reallocarray(l->items, cap, sizeof(*items));
		if (items == NULL) {
			free(take_s);
			return err_set_nomem(err);
		}
		l->items = items;
		l->cap = cap;
	}
	l->items[l->count++] = take_s;
	return 0;
}

int strlist_add(struct strlist *l, const char *s, struct err *err)
{
	return strlist_take(l, strdup(s), err);
}

int strlist_add_new(struct strlist *l, const char *s, struct err *err)
{
	return strlist_has(l, s) ? 0 : strlist_add(l, s, err);
}

bool strlist_has(const struct strlist *l, const char *s)
{
	return str_in(s, l->items, l->count);
}

void strlist_remove(struct strlist *l, const char *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->items[i], s) == 0)
			free(l->items[i]);
		else
			l->items[kept++] = l->items[i];
	}
	l->count = kept;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *l)
{
	if (l->count > 1)
		qsort(l->items, l->count, sizeof(*l->items), by_bytes);
}

bool str_in(const char *s, char *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(items[i], s) == 0)
			return true;
	return false;
}

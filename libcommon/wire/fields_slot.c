#include "wire/fields_slot.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

pb_size_t *fields_slot_which(const struct fields_slot *s)
{
	assert(s->field->shape == FIELDS_ONEOF);
	return (pb_size_t *)(void *)(s->msg + s->field->says);
}

pb_size_t *fields_slot_length(const struct fields_slot *s)
{
	assert(fields_slot_is_list(s));
	return (pb_size_t *)(void *)(s->msg + s->field->says);
}

static bool *has(const struct fields_slot *s)
{
	return (bool *)(s->msg + s->field->says);
}

bool fields_slot_is_zero(const struct fields_slot *s)
{
	const uint8_t *at = fields_slot_member(s);
	size_t size = fields_slot_is_list(s) ? sizeof(void *) : s->field->size;

	return at[0] == 0 && memcmp(at, at + 1, size - 1) == 0;
}

static size_t count_items(const struct fields_slot *s)
{
	bool there = !fields_slot_is_text(s) || *(void **)fields_slot_member(s) != NULL;

	switch (s->field->shape) {
	case FIELDS_REPEATED:
	case FIELDS_MAP:
		return *fields_slot_length(s);
	case FIELDS_ONEOF:
		return *fields_slot_which(s) == s->field->tag && there;
	case FIELDS_OPTIONAL:
		return *has(s);
	case FIELDS_SINGULAR:
		break;
	}
	return there;
}

void fields_slot_init(struct fields_slot *s, const struct fields_table *t, size_t i,
                      const void *msg)
{
	s->table = t;
	s->field = &t->fields[i];
	s->msg = (uint8_t *)(uintptr_t)msg;
	s->count = count_items(s);
}

void fields_slot_begin(struct fields_slot *s, const struct fields_table *t, const void *msg)
{
	*s = (struct fields_slot){ .table = t, .msg = (uint8_t *)(uintptr_t)msg };
}

bool fields_slot_next(struct fields_slot *s)
{
	const struct fields_table *t = s->table;

	if (s->field == NULL)
		s->field = t->fields;
	else if (s->field < t->fields + t->count)
		s->field++;
	if (t->count == 0 || s->field == t->fields + t->count)
		return false;
	s->count = count_items(s);
	return true;
}

void *fields_slot_item(const struct fields_slot *s, size_t i)
{
	uint8_t *at = fields_slot_member(s);

	if (fields_slot_is_list(s))
		at = *(uint8_t **)(void *)at + i * s->field->size;
	return fields_slot_is_text(s) ? *(void **)(void *)at : at;
}

static void *add_to_list(struct fields_slot *s, struct err *err)
{
	void **list = fields_slot_member(s);
	size_t size = s->field->size;
	uint8_t *items;

	if (s->count >= FIELDS_ITEM_MAX) {
		err_set(err, ERR_LIMIT, "more than %d items", FIELDS_ITEM_MAX);
		return NULL;
	}
	/* Room doubles: it is full whenever the count is a power of two. */
	if ((s->count & (s->count - 1)) == 0) {
		items = realloc(*list, (s->count > 0 ? 2 * s->count : 1) * size);
		if (items == NULL) {
			err_set_nomem(err);
			return NULL;
		}
		*list = items;
	}
	items = *list;
	memset(items + s->count * size, 0, size);
	*fields_slot_length(s) = (pb_size_t)(s->count + 1);
	return items + s->count++ * size;
}

void *fields_slot_add(struct fields_slot *s, struct err *err)
{
	if (fields_slot_is_list(s))
		return add_to_list(s, err);
	if (s->field->shape == FIELDS_ONEOF) {
		*fields_slot_which(s) = (pb_size_t)s->field->tag;
		memset(fields_slot_member(s), 0, s->field->size);
	} else if (s->field->shape == FIELDS_OPTIONAL) {
		*has(s) = true;
	}
	s->count = 1;
	return fields_slot_member(s);
}

int64_t fields_int_get(const struct fields_slot *s, const void *item)
{
	return s->field->size == sizeof(int64_t) ? *(const int64_t *)item : *(const int32_t *)item;
}

uint64_t fields_uint_get(const struct fields_slot *s, const void *item)
{
	return s->field->size == sizeof(uint64_t) ? *(const uint64_t *)item
	                                          : *(const uint32_t *)item;
}

bool fields_int_set(const struct fields_slot *s, void *item, int64_t number)
{
	if (s->field->size == sizeof(int64_t))
		*(int64_t *)item = number;
	else
		*(int32_t *)item = (int32_t)number;
	return fields_int_get(s, item) == number;
}

bool fields_uint_set(const struct fields_slot *s, void *item, uint64_t number)
{
	if (s->field->size == sizeof(uint64_t))
		*(uint64_t *)item = number;
	else
		*(uint32_t *)item = (uint32_t)number;
	return fields_uint_get(s, item) == number;
}

bool fields_item_is_zero(const struct fields_slot *s, const void *item)
{
	switch (s->field->type) {
	case FIELDS_BOOL:
		return !*(const bool *)item;
	case FIELDS_INT:
	case FIELDS_ENUM:
		return fields_int_get(s, item) == 0;
	case FIELDS_UINT:
		return fields_uint_get(s, item) == 0;
	case FIELDS_STRING:
		return item == NULL || *(const char *)item == 0;
	case FIELDS_BYTES:
		return item == NULL || ((const pb_bytes_array_t *)item)->size == 0;
	case FIELDS_MESSAGE:
		break;
	}
	return false;
}

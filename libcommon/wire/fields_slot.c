#include "wire/fields_slot.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool is_pointer(const struct fields_slot *s)
{
	return PB_ATYPE(s->iter.type) == PB_ATYPE_POINTER;
}

static bool is_list(const struct fields_slot *s)
{
	return PB_HTYPE(s->iter.type) == PB_HTYPE_REPEATED;
}

static size_t count_items(const struct fields_slot *s)
{
	const pb_field_iter_t *it = &s->iter;

	switch (PB_HTYPE(it->type)) {
	case PB_HTYPE_REPEATED:
		return *(const pb_size_t *)it->pSize;
	case PB_HTYPE_ONEOF:
		if (*(const pb_size_t *)it->pSize != it->tag)
			return 0;
		return !is_pointer(s) || it->pData != NULL;
	default: /* optional (with pSize) and singular are one type to nanopb */
		if (is_pointer(s))
			return it->pData != NULL;
		return it->pSize == NULL || *(const bool *)it->pSize;
	}
}

void fields_slot_init(struct fields_slot *s, const struct fields_table *t, size_t i,
                      const void *msg)
{
	bool found;

	s->table = t;
	s->field = &t->fields[i];
	found = pb_field_iter_begin_const(&s->iter, t->desc, msg) &&
	        pb_field_iter_find(&s->iter, s->field->tag);
	assert(found);
	(void)found;
	s->count = count_items(s);
}

void fields_slot_begin(struct fields_slot *s, const struct fields_table *t, const void *msg)
{
	*s = (struct fields_slot){ .table = t };
	pb_field_iter_begin_const(&s->iter, t->desc, msg);
}

/* Both the table's rows and nanopb's fields are in the order of their tags. */
bool fields_slot_next(struct fields_slot *s)
{
	const struct fields_table *t = s->table;

	if (s->field == NULL)
		s->field = t->fields;
	else if (s->field < t->fields + t->count)
		s->field++;
	if (t->count == 0 || s->field == t->fields + t->count)
		return false;
	if (s->field > t->fields)
		pb_field_iter_next(&s->iter);
	assert(s->iter.tag == s->field->tag);
	s->count = count_items(s);
	return true;
}

void *fields_slot_item(const struct fields_slot *s, size_t i)
{
	uint8_t *at = s->iter.pData;

	if (!is_list(s))
		return at;
	at += i * s->iter.data_size;
	if (s->field->type == FIELDS_STRING || s->field->type == FIELDS_BYTES)
		return *(void **)at;
	return at;
}

static void *add_to_list(struct fields_slot *s, struct err *err)
{
	void **list = s->iter.pField;
	size_t size = s->iter.data_size;
	uint8_t *items;

	assert(is_pointer(s));
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
		*list = s->iter.pData = items;
	}
	items = *list;
	memset(items + s->count * size, 0, size);
	*(pb_size_t *)s->iter.pSize = (pb_size_t)(s->count + 1);
	return items + s->count++ * size;
}

void *fields_slot_add(struct fields_slot *s, struct err *err)
{
	if (is_list(s))
		return add_to_list(s, err);
	if (PB_HTYPE(s->iter.type) == PB_HTYPE_ONEOF) {
		*(pb_size_t *)s->iter.pSize = s->iter.tag;
		memset(s->iter.pField, 0, is_pointer(s) ? sizeof(void *) : s->iter.data_size);
	} else if (s->iter.pSize != NULL) {
		*(bool *)s->iter.pSize = true;
	}
	s->count = 1;
	return s->iter.pField;
}

int64_t fields_int_get(const struct fields_slot *s, const void *item)
{
	return s->iter.data_size == sizeof(int64_t) ? *(const int64_t *)item
	                                            : *(const int32_t *)item;
}

uint64_t fields_uint_get(const struct fields_slot *s, const void *item)
{
	return s->iter.data_size == sizeof(uint64_t) ? *(const uint64_t *)item
	                                             : *(const uint32_t *)item;
}

bool fields_int_set(const struct fields_slot *s, void *item, int64_t number)
{
	if (s->iter.data_size == sizeof(int64_t))
		*(int64_t *)item = number;
	else
		*(int32_t *)item = (int32_t)number;
	return fields_int_get(s, item) == number;
}

bool fields_uint_set(const struct fields_slot *s, void *item, uint64_t number)
{
	if (s->iter.data_size == sizeof(uint64_t))
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

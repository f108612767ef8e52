#include "wire/fields_secrets.h"

#include "base/err.h"
#include "wire/fields_slot.h"

#include <stdlib.h>
#include <string.h>

bool fields_has_secrets(const struct fields_table *t, const void *msg)
{
	struct fields_slot slot;

	if (!t->secrets)
		return false;
	fields_slot_begin(&slot, t, msg);
	while (fields_slot_next(&slot)) {
		if (fields_is_secret(slot.field) && !fields_slot_says_nothing(&slot))
			return true;
		for (size_t n = 0; slot.field->type == FIELDS_MESSAGE && n < slot.count; n++)
			if (fields_has_secrets(slot.field->message, fields_slot_item(&slot, n)))
				return true;
	}
	return false;
}

/* Texts and bytes that are not in a list: nanopb keeps a pointer to them. */
static bool is_single(const struct fields_slot *s)
{
	return s->field->shape == FIELDS_SINGULAR &&
	       (s->field->type == FIELDS_STRING || s->field->type == FIELDS_BYTES);
}

static bool same_secret(const struct fields_slot *a, const struct fields_slot *b)
{
	const void *x = fields_slot_item(a, 0);
	const void *y = fields_slot_item(b, 0);

	if (!is_single(a) || a->count == 0 || b->count == 0)
		return fields_slot_says_nothing(a) && fields_slot_says_nothing(b);
	if (a->field->type == FIELDS_STRING)
		return strcmp(x, y) == 0;
	return ((const pb_bytes_array_t *)x)->size == ((const pb_bytes_array_t *)y)->size &&
	       memcmp(((const pb_bytes_array_t *)x)->bytes, ((const pb_bytes_array_t *)y)->bytes,
	              ((const pb_bytes_array_t *)x)->size) == 0;
}

static bool is_sub_message(const struct fields_slot *s)
{
	return s->field->type == FIELDS_MESSAGE && s->count == 1 &&
	       (s->field->shape == FIELDS_OPTIONAL || s->field->shape == FIELDS_ONEOF);
}

bool fields_same_secrets(const struct fields_table *t, const void *a, const void *b)
{
	struct fields_slot one;
	struct fields_slot other;

	if (!t->secrets)
		return true;
	fields_slot_begin(&one, t, a);
	fields_slot_begin(&other, t, b);
	while (fields_slot_next(&one) && fields_slot_next(&other)) {
		if (fields_is_secret(one.field) && !same_secret(&one, &other))
			return false;
		if (is_sub_message(&one) && is_sub_message(&other) &&
		    !fields_same_secrets(one.field->message, fields_slot_item(&one, 0),
		                         fields_slot_item(&other, 0)))
			return false;
		if (is_sub_message(&one) != is_sub_message(&other) &&
		    fields_has_secrets(one.field->message,
		                       fields_slot_item(is_sub_message(&one) ? &one : &other, 0)))
			return false;
	}
	return true;
}

static void drop_secret(struct fields_slot *s)
{
	void **place = fields_slot_member(s);

	if (!is_single(s) || *place == NULL)
		return;
	if (s->field->type == FIELDS_STRING)
		explicit_bzero(*place, strlen(*place));
	else
		explicit_bzero(((pb_bytes_array_t *)*place)->bytes,
		               ((pb_bytes_array_t *)*place)->size);
	free(*place);
	*place = NULL;
}

void fields_drop_secrets(const struct fields_table *t, void *msg)
{
	struct fields_slot slot;

	if (!t->secrets)
		return;
	fields_slot_begin(&slot, t, msg);
	while (fields_slot_next(&slot)) {
		if (fields_is_secret(slot.field))
			drop_secret(&slot);
		for (size_t n = 0; slot.field->type == FIELDS_MESSAGE && n < slot.count; n++)
			fields_drop_secrets(slot.field->message, fields_slot_item(&slot, n));
	}
}

static int keep_secret(const struct fields_slot *old, struct fields_slot *s, struct err *err)
{
	const void *item = fields_slot_item(old, 0);

	if (!is_single(s) || !fields_slot_says_nothing(s))
		return 0;
	if (s->field->type == FIELDS_STRING)
		return fields_set_str(fields_slot_member(s), item, err);
	return fields_set_bytes(fields_slot_member(s), ((const pb_bytes_array_t *)item)->bytes,
	                        ((const pb_bytes_array_t *)item)->size, err);
}

int fields_keep_secrets(const struct fields_table *t, const void *old, void *msg, struct err *err)
{
	struct fields_slot slot;
	struct fields_slot before;
	int rc = 0;

	if (!t->secrets)
		return 0;
	fields_slot_begin(&before, t, old);
	fields_slot_begin(&slot, t, msg);
	while (rc == 0 && fields_slot_next(&before) && fields_slot_next(&slot)) {
		if (before.count == 0)
			continue;
		if (fields_is_secret(slot.field))
			rc = keep_secret(&before, &slot, err);
		else if (slot.field->type == FIELDS_MESSAGE && slot.count == 1 &&
		         (slot.field->shape == FIELDS_OPTIONAL ||
		          slot.field->shape == FIELDS_ONEOF))
			rc = fields_keep_secrets(slot.field->message, fields_slot_item(&before, 0),
			                         fields_slot_item(&slot, 0), err);
	}
	return rc;
}

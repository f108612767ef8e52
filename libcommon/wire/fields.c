#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields_slot.h"

#include <pb_decode.h>

#include <stdlib.h>
#include <string.h>

/* --- bytes --------------------------------------------------------------------------------------
 */

int fields_decode(const struct fields_table *t, const void *data, size_t len, void *out_msg,
                  struct err *err)
{
	pb_istream_t stream = pb_istream_from_buffer(data, len);

	memset(out_msg, 0, t->size);
	if (pb_decode_ex(&stream, t->desc, out_msg, PB_DECODE_NOINIT)) /* all defaults are zero */
		return 0;
	memset(out_msg, 0, t->size); /* pb_decode() has released what it had */
	if (strcmp(PB_GET_ERROR(&stream), "realloc failed") == 0)
		return err_set_nomem(err);
	return err_set(err, ERR_CORRUPT, "decode %s: %s", t->name, PB_GET_ERROR(&stream));
}

/* --- comparison ---------------------------------------------------------------------------------
 */

static bool bytes_equal(const pb_bytes_array_t *a, const pb_bytes_array_t *b)
{
	size_t a_len = a != NULL ? a->size : 0;
	size_t b_len = b != NULL ? b->size : 0;

	return a_len == b_len && (a_len == 0 || memcmp(a->bytes, b->bytes, a_len) == 0);
}

static bool items_equal(const struct fields_slot *s, const void *a, const void *b)
{
	switch (s->field->type) {
	case FIELDS_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case FIELDS_INT:
	case FIELDS_ENUM:
		return fields_int_get(s, a) == fields_int_get(s, b);
	case FIELDS_UINT:
		return fields_uint_get(s, a) == fields_uint_get(s, b);
	case FIELDS_STRING:
		return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
	case FIELDS_BYTES:
		return bytes_equal(a, b);
	case FIELDS_MESSAGE:
		break;
	}
	return fields_equal(s->field->message, a, b);
}

/* Each entry of one map must be in the other; equal counts make that enough, as keys differ. */
static bool maps_equal(const struct fields_slot *a, const struct fields_slot *b)
{
	for (size_t i = 0; i < a->count; i++) {
		bool found = false;

		for (size_t n = 0; !found && n < b->count; n++) /* mostly in the same order */
			found = items_equal(a, fields_slot_item(a, i),
			                    fields_slot_item(b, (i + n) % b->count));
		if (!found)
			return false;
	}
	return true;
}

static bool is_empty(const struct fields_table *t, const void *msg)
{
	struct fields_slot slot;

	fields_slot_begin(&slot, t, msg);
	while (fields_slot_next(&slot)) {
		if (!fields_slot_says_nothing(&slot))
			return false;
	}
	return true;
}

bool fields_slot_says_nothing(const struct fields_slot *s)
{
	if (s->count == 0)
		return true;
	if (s->field->shape == FIELDS_OPTIONAL && s->field->type == FIELDS_MESSAGE)
		return is_empty(s->field->message, fields_slot_item(s, 0));
	return s->field->shape == FIELDS_SINGULAR && fields_item_is_zero(s, fields_slot_item(s, 0));
}

static bool slots_equal(const struct fields_slot *a, const struct fields_slot *b)
{
	if (a->count != b->count)
		return fields_slot_says_nothing(a) && fields_slot_says_nothing(b);
	if (a->field->shape == FIELDS_MAP)
		return maps_equal(a, b);
	for (size_t i = 0; i < a->count; i++)
		if (!items_equal(a, fields_slot_item(a, i), fields_slot_item(b, i)))
			return false;
	return true;
}

bool fields_equal(const struct fields_table *t, const void *a, const void *b)
{
	struct fields_slot slot_a;
	struct fields_slot slot_b;

	fields_slot_begin(&slot_a, t, a);
	fields_slot_begin(&slot_b, t, b);
	while (fields_slot_next(&slot_a) && fields_slot_next(&slot_b)) {
		if (!slots_equal(&slot_a, &slot_b))
			return false;
	}
	return true;
}

/* --- filling by hand ----------------------------------------------------------------------------
 */

int fields_set_str(char **field, const char *text, struct err *err)
{
	char *copy = NULL;

	if (text != NULL && strlen(text) > FIELDS_ITEM_MAX)
		return err_set(err, ERR_LIMIT, "text of more than %d bytes", FIELDS_ITEM_MAX);
	if (text != NULL && (copy = strdup(text)) == NULL)
		return err_set_nomem(err);
	free(*field);
	*field = copy;
	return 0;
}

int fields_set_bytes(pb_bytes_array_t **field, const void *data, size_t len, struct err *err)
{
	pb_bytes_array_t *copy;

	if (len > FIELDS_ITEM_MAX)
		return err_set(err, ERR_LIMIT, "more than %d bytes", FIELDS_ITEM_MAX);
	copy = malloc(PB_BYTES_ARRAY_T_ALLOCSIZE(len));
	if (copy == NULL)
		return err_set_nomem(err);
	copy->size = (pb_size_t)len;
	if (len > 0)
		memcpy(copy->bytes, data, len);
	free(*field);
	*field = copy;
	return 0;
}

void *fields_add(void *list, pb_size_t *count, size_t size, struct err *err)
{
	void **items = list;
	uint8_t *grown;

	if (*count >= FIELDS_ITEM_MAX) {
		err_set(err, ERR_LIMIT, "more than %d items", FIELDS_ITEM_MAX);
		return NULL;
	}
	grown = realloc(*items, (*count + (size_t)1) * size);
	if (grown == NULL) {
		err_set_nomem(err);
		return NULL;
	}
	*items = grown;
	return memset(grown + (*count)++ * size, 0, size);
}

int fields_add_str(char ***list, pb_size_t *count, const char *text, struct err *err)
{
	char **item = fields_add(list, count, sizeof(char *), err);

	return item != NULL ? fields_set_str(item, text, err) : err->code;
}

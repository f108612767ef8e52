/*
 * fields_bytes - messages to protobuf bytes, copies of them, and their end; private to fields.
 *
 * nanopb's own encoder counts each sub-message before it writes it, and so the innermost of six
 * levels 64 times. Here each is written once, with its length put in front afterwards. The bytes
 * are the same (test_fields compares).
 */
#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/fields_slot.h"

#include <stdlib.h>
#include <string.h>

#define VARINT_MAX 10

/* --- encoding -------------------------------------------------------------------------------- */

static size_t put_varint(uint8_t *at, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		at[n++] = (uint8_t)(value | 0x80);
	at[n++] = (uint8_t)value;
	return n;
}

static void append_varint(struct buf *out, uint64_t value)
{
	uint8_t *at = buf_reserve(out, VARINT_MAX);

	if (at != NULL)
		buf_commit(out, put_varint(at, value));
}

static uint64_t number_of(const struct fields_slot *s, const void *item)
{
	switch (s->field->type) {
	case FIELDS_BOOL:
		return *(const bool *)item;
	case FIELDS_UINT:
		return fields_uint_get(s, item);
	default:
		return (uint64_t)fields_int_get(s, item);
	}
}

static bool is_number(const struct fields_slot *s)
{
	return !fields_slot_is_text(s) && s->field->type != FIELDS_MESSAGE;
}

static void append_tag(struct buf *out, const struct fields_slot *s, pb_wire_type_t type)
{
	append_varint(out, (uint64_t)s->field->tag << 3 | type);
}

static void append_delimited(struct buf *out, const void *data, size_t len)
{
	append_varint(out, len);
	buf_append(out, data, len);
}

/* Closes what began at `start` behind one byte for its length; longer ones move over. */
static void close_delimited(struct buf *out, size_t start)
{
	uint8_t length[VARINT_MAX];
	size_t len = out->len - start - 1;
	size_t n = put_varint(length, len);

	if (n > 1 && buf_reserve(out, n - 1) != NULL) {
		memmove(out->data + start + n, out->data + start + 1, len);
		buf_commit(out, n - 1);
	}
	if (out->failed == ERR_OK)
		memcpy(out->data + start, length, n);
}

static void append_message(struct buf *out, const struct fields_table *t, const void *msg);

/* Behind its tag. */
static void append_item(struct buf *out, const struct fields_slot *s, const void *item)
{
	const pb_bytes_array_t *bytes = item;
	size_t start;

	switch (s->field->type) {
	case FIELDS_STRING:
		append_delimited(out, item, item != NULL ? strlen(item) : 0);
		break;
	case FIELDS_BYTES:
		append_delimited(out, bytes != NULL ? bytes->bytes : NULL,
		                 bytes != NULL ? bytes->size : 0);
		break;
	case FIELDS_MESSAGE:
		start = out->len;
		buf_append_byte(out, 0);
		append_message(out, s->field->message, item);
		if (out->failed == ERR_OK)
			close_delimited(out, start);
		break;
	default:
		append_varint(out, number_of(s, item));
	}
}

static void append_packed(struct buf *out, const struct fields_slot *s)
{
	size_t start;

	append_tag(out, s, PB_WT_STRING);
	start = out->len;
	buf_append_byte(out, 0);
	for (size_t i = 0; i < s->count; i++)
		append_item(out, s, fields_slot_item(s, i));
	if (out->failed == ERR_OK)
		close_delimited(out, start);
}

static void append_field(struct buf *out, const struct fields_slot *s)
{
	if (s->field->shape == FIELDS_SINGULAR && fields_slot_is_zero(s))
		return;
	if (fields_slot_is_list(s) && is_number(s)) {
		append_packed(out, s);
		return;
	}
	for (size_t i = 0; i < s->count; i++) {
		append_tag(out, s, is_number(s) ? PB_WT_VARINT : PB_WT_STRING);
		append_item(out, s, fields_slot_item(s, i));
	}
}

static void append_message(struct buf *out, const struct fields_table *t, const void *msg)
{
	struct fields_slot slot;

	fields_slot_begin(&slot, t, msg);
	while (out->failed == ERR_OK && fields_slot_next(&slot))
		if (slot.count > 0)
			append_field(out, &slot);
}

int fields_encode(const struct fields_table *t, const void *msg, struct buf *out, struct err *err)
{
	size_t before = out->len;

	append_message(out, t, msg);
	if (buf_check(out, err) == 0)
		return 0;
	if (out->data != NULL)
		out->len = before;
	return err_wrap(err, "encode %s", t->name);
}

/* --- copying --------------------------------------------------------------------------------- */

static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size);

	if (copy != NULL)
		memcpy(copy, data, size);
	return copy;
}

/*
 * `*at` is borrowed, from the original: makes it the copy's own, or NULL once memory has run out,
 * so that what is half copied can be released.
 */
static bool own_text(enum fields_type type, void **at, bool good)
{
	const pb_bytes_array_t *bytes = *at;

	if (*at == NULL)
		return good;
	if (!good)
		*at = NULL;
	else if (type == FIELDS_STRING)
		*at = copy_of(*at, strlen(*at) + 1);
	else
		*at = copy_of(bytes, PB_BYTES_ARRAY_T_ALLOCSIZE(bytes->size));
	return *at != NULL;
}

static bool own_message(const struct fields_table *t, void *msg, bool good);

static bool own_list(const struct fields_slot *s, bool good)
{
	void **list = fields_slot_member(s);
	size_t size = s->field->size;

	if (s->count == 0)
		*list = NULL;
	if (*list == NULL)
		return good;
	*list = good ? copy_of(*list, s->count * size) : NULL;
	if (*list == NULL) {
		*fields_slot_length(s) = 0;
		return false;
	}
	for (size_t i = 0; i < s->count; i++) {
		uint8_t *at = (uint8_t *)*list + i * size;

		if (s->field->type == FIELDS_MESSAGE)
			good = own_message(s->field->message, at, good);
		else if (fields_slot_is_text(s))
			good = own_text(s->field->type, (void **)(void *)at, good);
	}
	return good;
}

static bool own_field(const struct fields_slot *s, bool good)
{
	void *member = fields_slot_member(s);

	if (fields_slot_is_list(s))
		return own_list(s, good);
	if (s->field->shape == FIELDS_OPTIONAL && s->count == 0)
		memset(member, 0, s->field->size); /* whatever is not said */
	if (s->count == 0)
		return good;
	if (fields_slot_is_text(s))
		return own_text(s->field->type, member, good);
	if (s->field->type == FIELDS_MESSAGE)
		return own_message(s->field->message, member, good);
	return good;
}

/* Goes through everything also when memory has run out: nothing may stay borrowed. */
static bool own_message(const struct fields_table *t, void *msg, bool good)
{
	struct fields_slot slot;

	fields_slot_begin(&slot, t, msg);
	while (fields_slot_next(&slot))
		good = own_field(&slot, good);
	return good;
}

int fields_clone(const struct fields_table *t, const void *msg, void *out_msg, struct err *err)
{
	memcpy(out_msg, msg, t->size);
	if (own_message(t, out_msg, true))
		return 0;
	fields_release(t, out_msg);
	return err_set_nomem(err);
}

/* --- release --------------------------------------------------------------------------------- */

static void wipe(enum fields_type type, void *item)
{
	pb_bytes_array_t *bytes = item;

	if (item == NULL)
		return;
	if (type == FIELDS_STRING)
		explicit_bzero(item, strlen(item));
	else
		explicit_bzero(bytes->bytes, bytes->size);
}

static void free_message(const struct fields_table *t, void *msg);

static void free_item(const struct fields_slot *s, void *item)
{
	if (s->field->type == FIELDS_MESSAGE)
		free_message(s->field->message, item);
	else if (fields_slot_is_text(s)) {
		if (fields_is_secret(s->field))
			wipe(s->field->type, item);
		free(item);
	}
}

/* What code has filled in and not marked as present is freed too. */
static void free_field(const struct fields_slot *s)
{
	bool owns = s->field->type == FIELDS_MESSAGE || fields_slot_is_text(s) ||
	            fields_slot_is_list(s);

	if (!owns || fields_slot_is_zero(s) ||
	    (s->field->shape == FIELDS_ONEOF && *fields_slot_which(s) != s->field->tag))
		return;
	if (!fields_slot_is_list(s)) {
		free_item(s, fields_slot_item(s, 0));
		return;
	}
	for (size_t i = 0; i < s->count; i++)
		free_item(s, fields_slot_item(s, i));
	free(*(void **)fields_slot_member(s));
}

static void free_message(const struct fields_table *t, void *msg)
{
	struct fields_slot slot;

	fields_slot_begin(&slot, t, msg);
	while (fields_slot_next(&slot))
		free_field(&slot);
}

void fields_release(const struct fields_table *t, void *msg)
{
	if (msg == NULL)
		return;
	free_message(t, msg);
	explicit_bzero(msg, t->size);
}

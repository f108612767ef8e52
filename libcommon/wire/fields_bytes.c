/*
 * fields_bytes - messages to protobuf bytes, and copies of them; private to fields.
 *
 * nanopb's own encoder counts each sub-message before it writes it, and so the innermost of six
 * levels 64 times. Here each is written once, with its length put in front afterwards. The bytes
 * are the same (test_fields compares).
 */
#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"

#include <pb_common.h>

#include <stdlib.h>
#include <string.h>

#define VARINT_MAX 10

static bool is_pointer(const pb_field_iter_t *it)
{
	return PB_ATYPE(it->type) == PB_ATYPE_POINTER;
}

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

static void append_tag(struct buf *out, const pb_field_iter_t *it, pb_wire_type_t type)
{
	append_varint(out, (uint64_t)it->tag << 3 | type);
}

static int64_t signed_of(const pb_field_iter_t *it, const void *item)
{
	switch (it->data_size) {
	case 1:
		return *(const int8_t *)item;
	case 2:
		return *(const int16_t *)item;
	case 4:
		return *(const int32_t *)item;
	default:
		return *(const int64_t *)item;
	}
}

static uint64_t unsigned_of(const pb_field_iter_t *it, const void *item)
{
	switch (it->data_size) {
	case 1:
		return *(const uint8_t *)item;
	case 2:
		return *(const uint16_t *)item;
	case 4:
		return *(const uint32_t *)item;
	default:
		return *(const uint64_t *)item;
	}
}

static uint64_t number_of(const pb_field_iter_t *it, const void *item)
{
	if (PB_LTYPE(it->type) == PB_LTYPE_VARINT)
		return (uint64_t)signed_of(it, item);
	return unsigned_of(it, item);
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

static void append_message(struct buf *out, const pb_msgdesc_t *desc, const void *msg);

/* Behind its tag. `item` is the text, the bytes' struct, or the address of anything else. */
static void append_item(struct buf *out, const pb_field_iter_t *it, const void *item)
{
	const pb_bytes_array_t *bytes = item;
	size_t start;

	switch (PB_LTYPE(it->type)) {
	case PB_LTYPE_STRING:
		append_delimited(out, item, item != NULL ? strlen(item) : 0);
		break;
	case PB_LTYPE_BYTES:
		append_delimited(out, bytes != NULL ? bytes->bytes : NULL,
		                 bytes != NULL ? bytes->size : 0);
		break;
	case PB_LTYPE_SUBMESSAGE:
		start = out->len;
		buf_append_byte(out, 0);
		append_message(out, it->submsg_desc, item);
		if (out->failed == ERR_OK)
			close_delimited(out, start);
		break;
	default:
		append_varint(out, number_of(it, item));
	}
}

static bool is_number(const pb_field_iter_t *it)
{
	return PB_LTYPE(it->type) <= PB_LTYPE_LAST_PACKABLE;
}

static pb_wire_type_t wire_type(const pb_field_iter_t *it)
{
	return is_number(it) ? PB_WT_VARINT : PB_WT_STRING;
}

/* Item `i` of a list: texts and bytes are pointers in it. */
static const void *item_of(const pb_field_iter_t *it, size_t i)
{
	const uint8_t *at = (const uint8_t *)it->pData + i * it->data_size;
	pb_type_t type = PB_LTYPE(it->type);

	if (type == PB_LTYPE_STRING || type == PB_LTYPE_BYTES)
		return *(const void *const *)at;
	return at;
}

static void append_list(struct buf *out, const pb_field_iter_t *it)
{
	size_t count = *(const pb_size_t *)it->pSize;
	size_t start;

	if (count == 0)
		return;
	if (!is_number(it)) {
		for (size_t i = 0; i < count; i++) {
			append_tag(out, it, PB_WT_STRING);
			append_item(out, it, item_of(it, i));
		}
		return;
	}
	append_tag(out, it, PB_WT_STRING); /* packed */
	start = out->len;
	buf_append_byte(out, 0);
	for (size_t i = 0; i < count; i++)
		append_item(out, it, item_of(it, i));
	if (out->failed == ERR_OK)
		close_delimited(out, start);
}

static bool is_zero(const void *data, size_t size)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < size; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* Whether a field that is no list says anything. */
static bool is_present(const pb_field_iter_t *it)
{
	if (PB_HTYPE(it->type) == PB_HTYPE_ONEOF && *(const pb_size_t *)it->pSize != it->tag)
		return false;
	if (is_pointer(it))
		return it->pData != NULL;
	if (PB_HTYPE(it->type) == PB_HTYPE_ONEOF)
		return true;
	if (it->pSize != NULL)
		return *(const bool *)it->pSize;
	return !is_zero(it->pData, it->data_size);
}

static void append_field(struct buf *out, const pb_field_iter_t *it)
{
	if (PB_HTYPE(it->type) == PB_HTYPE_REPEATED) {
		append_list(out, it);
	} else if (is_present(it)) {
		append_tag(out, it, wire_type(it));
		append_item(out, it, it->pData);
	}
}

static void append_message(struct buf *out, const pb_msgdesc_t *desc, const void *msg)
{
	pb_field_iter_t it;

	if (!pb_field_iter_begin_const(&it, desc, msg))
		return; /* a message without fields */
	do {
		append_field(out, &it);
	} while (pb_field_iter_next(&it) && out->failed == ERR_OK);
}

int fields_encode(const struct fields_table *t, const void *msg, struct buf *out, struct err *err)
{
	size_t before = out->len;

	append_message(out, t->desc, msg);
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

static bool own_message(const pb_msgdesc_t *desc, void *msg, bool good);

/*
 * `*at` is borrowed, from the original: makes it the copy's own, or NULL once memory has run out,
 * so that what is half copied can be released.
 */
static bool own_item(const pb_field_iter_t *it, void **at, bool good)
{
	const pb_bytes_array_t *bytes = *at;

	if (*at == NULL)
		return good;
	if (!good)
		*at = NULL;
	else if (PB_LTYPE(it->type) == PB_LTYPE_STRING)
		*at = copy_of(*at, strlen(*at) + 1);
	else if (PB_LTYPE(it->type) == PB_LTYPE_BYTES)
		*at = copy_of(bytes, PB_BYTES_ARRAY_T_ALLOCSIZE(bytes->size));
	else
		*at = copy_of(*at, it->data_size);
	good = *at != NULL;
	if (good && PB_LTYPE(it->type) == PB_LTYPE_SUBMESSAGE)
		return own_message(it->submsg_desc, *at, good);
	return good;
}

static bool own_list(const pb_field_iter_t *it, bool good)
{
	pb_size_t *count = it->pSize;
	void **list = it->pField;
	pb_type_t type = PB_LTYPE(it->type);

	if (*count == 0)
		*list = NULL;
	if (*list == NULL)
		return good;
	*list = good ? copy_of(*list, *count * (size_t)it->data_size) : NULL;
	if (*list == NULL) {
		*count = 0;
		return false;
	}
	for (size_t i = 0; i < *count; i++) {
		uint8_t *at = (uint8_t *)*list + i * it->data_size;

		if (type == PB_LTYPE_SUBMESSAGE)
			good = own_message(it->submsg_desc, at, good);
		else if (!is_number(it))
			good = own_item(it, (void **)(void *)at, good);
	}
	return good;
}

static bool own_field(const pb_field_iter_t *it, bool good)
{
	if (PB_HTYPE(it->type) == PB_HTYPE_REPEATED)
		return own_list(it, good);
	if (PB_HTYPE(it->type) == PB_HTYPE_ONEOF && *(const pb_size_t *)it->pSize != it->tag)
		return good;
	if (is_pointer(it))
		return own_item(it, it->pField, good);
	if (it->pSize != NULL && PB_HTYPE(it->type) == PB_HTYPE_OPTIONAL && !*(bool *)it->pSize) {
		memset(it->pData, 0, it->data_size); /* whatever is not said */
		return good;
	}
	if (PB_LTYPE(it->type) == PB_LTYPE_SUBMESSAGE)
		return own_message(it->submsg_desc, it->pData, good);
	return good;
}

/* Goes through everything also when memory has run out: nothing may stay borrowed. */
static bool own_message(const pb_msgdesc_t *desc, void *msg, bool good)
{
	pb_field_iter_t it;

	if (!pb_field_iter_begin(&it, desc, msg))
		return good;
	do {
		good = own_field(&it, good);
	} while (pb_field_iter_next(&it));
	return good;
}

int fields_clone(const struct fields_table *t, const void *msg, void *out_msg, struct err *err)
{
	memcpy(out_msg, msg, t->size);
	if (own_message(t->desc, out_msg, true))
		return 0;
	fields_release(t, out_msg);
	return err_set_nomem(err);
}

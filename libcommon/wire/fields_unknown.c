/* fields_unknown - what an older program does not know survives its rewrite of a record. */
#include "wire/fields.h"

#include "base/buf.h"
#include "base/err.h"

#include <pb_decode.h>

#include <string.h>

/* One field as it stands in the bytes of a message. */
struct raw {
	const uint8_t *start; /* of the tag */
	size_t len;           /* of tag and value */
	const uint8_t *body;  /* of a length-delimited value */
	size_t body_len;
	uint32_t tag;
	bool delimited;
};

static int corrupt(const struct fields_table *t, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "%s: not a protobuf message", t->name);
}

/* Reads the field at the front of a message and moves behind it. */
static bool next_raw(const uint8_t **at, size_t *left, struct raw *out)
{
	pb_istream_t s = pb_istream_from_buffer(*at, *left);
	pb_wire_type_t wire_type;
	uint32_t body_len;
	bool eof;

	*out = (struct raw){ .start = *at };
	if (!pb_decode_tag(&s, &wire_type, &out->tag, &eof) || out->tag == 0)
		return false;
	out->delimited = wire_type == PB_WT_STRING;
	if (out->delimited) {
		if (!pb_decode_varint32(&s, &body_len) || body_len > s.bytes_left)
			return false;
		out->body = *at + (*left - s.bytes_left);
		out->body_len = body_len;
		s.bytes_left -= body_len;
	} else if (!pb_skip_field(&s, wire_type)) {
		return false;
	}
	out->len = *left - s.bytes_left;
	*at += out->len;
	*left -= out->len;
	return true;
}

static const struct fields_field *find(const struct fields_table *t, uint32_t tag)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->fields[i].tag == tag)
			return &t->fields[i];
	return NULL;
}

static bool is_singular_message(const struct fields_field *field)
{
	return field != NULL && field->type == FIELDS_MESSAGE &&
	       (field->shape == FIELDS_OPTIONAL || field->shape == FIELDS_ONEOF);
}

/* The last field of that number in a well-formed message: the one that counts. */
static bool find_raw(const uint8_t *at, size_t left, uint32_t tag, struct raw *out)
{
	struct raw raw;
	bool found = false;

	while (left > 0 && next_raw(&at, &left, &raw)) {
		if (raw.tag == tag && raw.delimited) {
			*out = raw;
			found = true;
		}
	}
	return found;
}

static void append_delimited(struct buf *out, uint32_t tag, const struct buf *body)
{
	uint64_t numbers[] = { (uint64_t)tag << 3 | PB_WT_STRING, body->len };

	for (size_t i = 0; i < 2; i++) {
		for (; numbers[i] >= 0x80; numbers[i] >>= 7)
			buf_append_byte(out, (uint8_t)(numbers[i] | 0x80));
		buf_append_byte(out, (uint8_t)numbers[i]);
	}
	buf_append(out, body->data, body->len);
}

static int carry_into_sub_message(const struct fields_field *field, const struct raw *old,
                                  const struct raw *new, struct buf *out, struct err *err)
{
	struct buf body = { 0 };
	int rc;

	rc = fields_carry_unknown(field->message, old->body, old->body_len, new->body,
	                          new->body_len, &body, err);
	if (rc == 0)
		append_delimited(out, field->tag, &body);
	buf_wipe(&body);
	return rc;
}

/* The new message's fields, each sub-message together with what its old one knew. */
static int copy_known(const struct fields_table *t, const uint8_t *old_data, size_t old_len,
                      const uint8_t *at, size_t left, struct buf *out, struct err *err)
{
	struct raw new;
	struct raw old;
	int rc = 0;

	while (rc == 0 && left > 0) {
		const struct fields_field *field;

		if (!next_raw(&at, &left, &new))
			return corrupt(t, err);
		field = find(t, new.tag);
		if (is_singular_message(field) && new.delimited &&
		    find_raw(old_data, old_len, new.tag, &old))
			rc = carry_into_sub_message(field, &old, &new, out, err);
		else
			buf_append(out, new.start, new.len);
	}
	return rc;
}

static int append_unknown(const struct fields_table *t, const uint8_t *at, size_t left,
                          struct buf *out, struct err *err)
{
	struct raw old;

	while (left > 0) {
		if (!next_raw(&at, &left, &old))
			return corrupt(t, err);
		if (find(t, old.tag) == NULL)
			buf_append(out, old.start, old.len);
	}
	return 0;
}

int fields_carry_unknown(const struct fields_table *t, const void *old_data, size_t old_len,
                         const void *new_data, size_t new_len, struct buf *out, struct err *err)
{
	int rc;

	rc = copy_known(t, old_data, old_len, new_data, new_len, out, err);
	if (rc == 0)
		rc = append_unknown(t, old_data, old_len, out, err);
	return rc != 0 ? rc : buf_check(out, err);
}

/*
 * fields_slot - one field of one message in memory, however nanopb stores it. Private to fields.
 *
 * Items are what text and comparison work on: for a string its char *, for bytes its
 * pb_bytes_array_t *, for a number, bool, enum or sub-message the address of it. An item of a
 * list may be NULL (an empty string that nanopb did not allocate).
 */
#ifndef WIRE_FIELDS_SLOT_H
#define WIRE_FIELDS_SLOT_H

#include "wire/fields.h"

struct err;
struct value;

struct fields_slot {
	const struct fields_table *table;
	const struct fields_field *field;
	uint8_t *msg;
	size_t count; /* of items that are there: 0 or 1, or the length of a list */
};

/* Finds field number i of the table in the message. */
void fields_slot_init(struct fields_slot *s, const struct fields_table *t, size_t i,
                      const void *msg);

/* All fields of a message in their order, which costs less than finding each:
 *   fields_slot_begin(&slot, t, msg);
 *   while (fields_slot_next(&slot)) … */
void fields_slot_begin(struct fields_slot *s, const struct fields_table *t, const void *msg);
bool fields_slot_next(struct fields_slot *s);

void *fields_slot_item(const struct fields_slot *s, size_t i);

/* The member of the struct: of a list, a string or bytes the pointer to what there is. */
static inline void *fields_slot_member(const struct fields_slot *s)
{
	return s->msg + s->field->at;
}

static inline bool fields_slot_is_list(const struct fields_slot *s)
{
	return s->field->shape == FIELDS_REPEATED || s->field->shape == FIELDS_MAP;
}

/* A string or bytes, on its own or in a list: what is stored is a pointer. */
static inline bool fields_slot_is_text(const struct fields_slot *s)
{
	return s->field->type == FIELDS_STRING || s->field->type == FIELDS_BYTES;
}

/* Which of a oneof is there, by its tag; 0 = none. */
pb_size_t *fields_slot_which(const struct fields_slot *s);

/* How long a list is. */
pb_size_t *fields_slot_length(const struct fields_slot *s);

/* Whether the member's bytes are all zero: neither is there anything, nor anything to free. */
bool fields_slot_is_zero(const struct fields_slot *s);

/* Makes room for one more item of a list, or for the one of anything else, marks it present
 * and returns where it is stored: char **, pb_bytes_array_t **, or the address of the rest,
 * all zero. NULL: out of memory, or the list is at FIELDS_ITEM_MAX (see err). */
void *fields_slot_add(struct fields_slot *s, struct err *err);

/* Absent, or present with a content that is as good as absent. */
bool fields_slot_says_nothing(const struct fields_slot *s);

/* Adds what a value says, as text would. ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
int fields_slot_parse(struct fields_slot *s, const struct value *v, struct err *err);

static inline bool fields_is_secret(const struct fields_field *f)
{
	return f->format == FIELDS_SECRET || f->format == FIELDS_ANY_SECRET;
}

static inline bool fields_is_any(const struct fields_field *f)
{
	return f->format == FIELDS_ANY || f->format == FIELDS_ANY_SECRET;
}

/* Integers of any of nanopb's sizes. */
int64_t fields_int_get(const struct fields_slot *s, const void *item);
uint64_t fields_uint_get(const struct fields_slot *s, const void *item);
bool fields_int_set(const struct fields_slot *s, void *item, int64_t number); /* false: too large */
bool fields_uint_set(const struct fields_slot *s, void *item, uint64_t number);

/* Whether the item is the type's zero: 0, false, "", no bytes; never for messages. */
bool fields_item_is_zero(const struct fields_slot *s, const void *item);

#endif

#include "wire/fields_rules.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "wire/fields_choice.h"
#include "wire/fields_slot.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 256

/* --- what is left out ------------------------------------------------------------------------ */

static bool is_sub_message(const struct fields_field *field)
{
	return field->type == FIELDS_MESSAGE &&
	       (field->shape == FIELDS_OPTIONAL || field->shape == FIELDS_ONEOF);
}

static int fill_value(struct fields_slot *s, struct err *err)
{
	struct value *v = value_new_plain(s->field->initial);
	int rc = v != NULL ? fields_slot_parse(s, v, err) : err_set_nomem(err);

	value_free(v);
	return rc;
}

static int fill_message(struct fields_slot *s, struct err *err)
{
	if (s->count == 0 && (s->field->shape == FIELDS_ONEOF || !s->field->message->initials))
		return 0;
	if (s->count == 0 && fields_slot_add(s, err) == NULL)
		return err->code;
	return fields_fill(s->field->message, fields_slot_item(s, 0), err);
}

int fields_fill(const struct fields_table *t, void *msg, struct err *err)
{
	struct fields_slot slot;
	int rc = 0;

	fields_slot_begin(&slot, t, msg);
	while (rc == 0 && fields_slot_next(&slot)) {
		if (is_sub_message(slot.field))
			rc = fill_message(&slot, err);
		else if (slot.field->initial != NULL && fields_slot_says_nothing(&slot))
			rc = fill_value(&slot, err);
	}
	return rc;
}

/* --- walking --------------------------------------------------------------------------------- */

/* Where the walk is; written out only when somebody wants to know. */
struct place {
	const struct place *above; /* NULL: the message that the walk began with */
	const struct fields_field *field;
	size_t item; /* of a list */
};

/* Sees each field that is there, before what is within it. */
struct walk {
	int (*see)(struct walk *w, const struct fields_slot *s, const struct place *at);
	fields_effect_fn tell;
	void *arg;
	struct err *err;
};

/* "spec.allow.rules[2].where", cut when too long. What is `within` a list is in one item of it. */
static void show_place(const struct place *at, bool within, char path[PATH_SIZE])
{
	size_t len;

	path[0] = 0;
	if (at->above != NULL)
		show_place(at->above, true, path);
	len = strlen(path);
	snprintf(path + len, PATH_SIZE - len, "%s%s", len > 0 ? "." : "", at->field->name);
	len = strlen(path);
	if (within && at->field->shape == FIELDS_REPEATED)
		snprintf(path + len, PATH_SIZE - len, "[%zu]", at->item);
}

static int walk_message(struct walk *w, const struct fields_table *t, const void *msg,
                        const struct place *above)
{
	struct place at = { .above = above };
	struct fields_slot slot;
	int rc = 0;

	fields_slot_begin(&slot, t, msg);
	while (rc == 0 && fields_slot_next(&slot)) {
		if (slot.count == 0)
			continue;
		at.field = slot.field;
		rc = w->see(w, &slot, &at);
		if (slot.field->type != FIELDS_MESSAGE || slot.field->shape == FIELDS_MAP)
			continue;
		for (at.item = 0; rc == 0 && at.item < slot.count; at.item++)
			rc = walk_message(w, slot.field->message, fields_slot_item(&slot, at.item),
			                  &at);
	}
	return rc;
}

/* --- values ---------------------------------------------------------------------------------- */

static int check_text(const struct fields_slot *s, const char *text, struct err *err)
{
	struct value *v = NULL;
	int rc = 0;

	if (str_empty(text))
		return 0;
	if (fields_is_any(s->field))
		rc = json_read(text, strlen(text), &v, err);
	else if (s->field->choices != NULL && !fields_choice_has(s->field->choices, text))
		rc = fields_choice_refuse(s->field->choices, text, err);
	value_free(v);
	return rc;
}

static int see_value(struct walk *w, const struct fields_slot *s, const struct place *at)
{
	char path[PATH_SIZE];

	for (size_t i = 0; s->field->type == FIELDS_STRING && i < s->count; i++) {
		if (check_text(s, fields_slot_item(s, i), w->err) == 0)
			continue;
		show_place(at, false, path);
		return err_wrap(w->err, "%s", path);
	}
	return 0;
}

int fields_check(const struct fields_table *t, const void *msg, struct err *err)
{
	struct walk w = { .see = see_value, .err = err };

	return walk_message(&w, t, msg, NULL);
}

/* --- effects --------------------------------------------------------------------------------- */

/* The text of a value that is one; empty: it is not nothing, but has no word. */
static const char *word_of(const struct fields_slot *s, char buf[32])
{
	const void *item = fields_slot_item(s, 0);

	buf[0] = 0;
	if (s->field->shape == FIELDS_REPEATED || s->field->shape == FIELDS_MAP)
		return buf;
	if (s->field->type == FIELDS_STRING)
		return item != NULL ? item : "";
	if (s->field->type == FIELDS_BOOL)
		return *(const bool *)item ? "true" : "false";
	if (s->field->type == FIELDS_INT)
		snprintf(buf, 32, "%" PRId64, fields_int_get(s, item));
	return buf;
}

/* All words of a list are. */
static bool are_harmless(const struct fields_slot *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const char *word = fields_slot_item(s, i);

		if (word == NULL || !fields_choice_has(s->field->harmless, word))
			return false;
	}
	return true;
}

static bool is_harmless(const struct fields_slot *s)
{
	char buf[32];
	const char *word = word_of(s, buf);

	if (fields_slot_says_nothing(s))
		return true;
	if (fields_is_any(s->field))
		return fields_choice_has("{} [] null", word);
	if (s->field->harmless != NULL && s->field->type == FIELDS_STRING &&
	    s->field->shape == FIELDS_REPEATED)
		return are_harmless(s);
	return s->field->harmless != NULL && fields_choice_has(s->field->harmless, word);
}

static int see_effect(struct walk *w, const struct fields_slot *s, const struct place *at)
{
	enum fields_effect effect = s->field->effect;
	char path[PATH_SIZE];

	if (effect == FIELDS_WORKS || is_harmless(s))
		return 0;
	show_place(at, false, path);
	if (effect == FIELDS_NOT_ENFORCED_IN_DENY)
		effect = str_starts(path, "spec.deny.") ? FIELDS_NOT_ENFORCED
		                                        : FIELDS_WITHOUT_EFFECT;
	return w->tell(w->arg, path, effect);
}

int fields_effects(const struct fields_table *t, const void *msg, fields_effect_fn fn, void *arg)
{
	struct walk w = { .see = see_effect, .tell = fn, .arg = arg };

	return walk_message(&w, t, msg, NULL);
}

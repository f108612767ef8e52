#include "wire/fields_choice.h"

#include "base/err.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "wire/fields.h"

#include <string.h>

#define WORD_MAX 64 /* bytes; choices are our own */

/* Copies the word at *at and moves behind it; false at the end. */
static bool next_word(const char **at, char word[WORD_MAX])
{
	size_t len;

	*at += strspn(*at, " ");
	len = strcspn(*at, " ");
	if (len == 0 || len >= WORD_MAX)
		return false;
	memcpy(word, *at, len);
	word[len] = 0;
	*at += len;
	return true;
}

bool fields_choice_has(const char *choices, const char *word)
{
	char known[WORD_MAX];

	while (next_word(&choices, known))
		if (strcmp(known, word) == 0 && strcmp(known, "-") != 0)
			return true;
	return false;
}

static bool at_number(const char *choices, int64_t number, char out[WORD_MAX])
{
	for (int64_t i = 0; next_word(&choices, out); i++)
		if (i == number)
			return strcmp(out, "-") != 0;
	return false;
}

/* `true` where the choices have yes or on. */
static bool with_sense(const char *choices, bool truth, char out[WORD_MAX])
{
	struct value word = { .text = out };
	bool sense;

	while (next_word(&choices, out))
		if (value_to_bool(&word, &sense) && sense == truth)
			return true;
	return false;
}

int fields_choice_refuse(const char *choices, const char *word, struct err *err)
{
	char text[256] = "";
	char known[WORD_MAX];
	struct suggest near;
	size_t len = 0;

	suggest_init(&near, word);
	for (const char *at = choices; next_word(&at, known);) {
		if (strcmp(known, "-") == 0 || len + strlen(known) + 3 > sizeof(text))
			continue;
		strcpy(text + len, len > 0 ? ", " : "");
		strcat(text + len, known);
		suggest_offer(&near, text + len + (len > 0 ? 2 : 0));
		len += strlen(text + len);
	}
	if (near.best == NULL)
		return err_set(err, ERR_INVALID, "'%s' is none of %s", word, text);
	return err_set(err, ERR_INVALID, "'%s' is unknown, did you mean %.*s?", word,
	               (int)strcspn(near.best, ","), near.best);
}

int fields_choice_set(const char *choices, const struct value *v, char **field, struct err *err)
{
	char word[WORD_MAX];
	bool truth;

	if (v->text == NULL)
		return err_set(err, ERR_INVALID, "%s is not a word", value_type_name(v->type));
	if (*v->text == 0 || fields_choice_has(choices, v->text))
		return fields_set_str(field, v->text, err);
	if (v->type == VALUE_INT && at_number(choices, v->number, word))
		return fields_set_str(field, word, err);
	if (value_to_bool(v, &truth) && with_sense(choices, truth, word))
		return fields_set_str(field, word, err);
	return fields_choice_refuse(choices, v->text, err);
}

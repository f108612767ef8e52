#include "conf/args.h"

#include "base/err.h"
#include "base/strlist.h"
#include "conf/suggest.h"

#include <stdio.h>
#include <string.h>

struct parser {
	const struct args_option *const *tables;
	int argc;
	char **argv;
	int at; /* next argument to read */
	struct err *err;
};

static const struct args_option *find_name(const struct parser *p, const char *name, size_t len)
{
	for (size_t t = 0; p->tables[t] != NULL; t++)
		for (const struct args_option *o = p->tables[t]; o->name != NULL; o++)
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

static const struct args_option *find_letter(const struct parser *p, char letter)
{
	for (size_t t = 0; p->tables[t] != NULL; t++)
		for (const struct args_option *o = p->tables[t]; o->name != NULL; o++)
			if (o->letter == letter)
				return o;
	return NULL;
}

static int unknown(const struct parser *p, const char *name, int len)
{
	char word[64];
	struct suggest s;

	snprintf(word, sizeof(word), "%.*s", len, name);
	suggest_init(&s, word);
	for (size_t t = 0; p->tables[t] != NULL; t++)
		for (const struct args_option *o = p->tables[t]; o->name != NULL; o++)
			suggest_offer(&s, o->name);
	if (s.best == NULL)
		return err_set(p->err, ERR_INVALID, "unknown option '--%s'", word);
	return err_set(p->err, ERR_INVALID, "unknown option '--%s', did you mean '--%s'?", word,
	               s.best);
}

static int add_items(struct strlist *list, const char *text, struct err *err)
{
	int rc = 0;

	while (rc == 0 && *text != 0) {
		size_t len = strcspn(text, ",");

		if (len > 0)
			rc = strlist_take(list, strndup(text, len), err);
		text += len + (text[len] == ',');
	}
	return rc;
}

/* `value` NULL: it is the next argument. */
static int set(struct parser *p, const struct args_option *o, const char *value)
{
	if (o->type == ARGS_FLAG) {
		if (value != NULL)
			return err_set(p->err, ERR_INVALID, "option '--%s' takes no value",
			               o->name);
		*(bool *)o->into = true;
		return 0;
	}
	if (value == NULL && p->at == p->argc)
		return err_set(p->err, ERR_INVALID, "option '--%s' needs a value", o->name);
	if (value == NULL)
		value = p->argv[p->at++];
	if (o->type == ARGS_LIST)
		return add_items(o->into, value, p->err);
	*(const char **)o->into = value;
	return 0;
}

static int parse_long(struct parser *p, const char *name)
{
	size_t len = strcspn(name, "=");
	const struct args_option *o = find_name(p, name, len);

	if (o == NULL)
		return unknown(p, name, (int)len);
	return set(p, o, name[len] == '=' ? name + len + 1 : NULL);
}

/* A run of letters: flags, and at the end perhaps one with a value. */
static int parse_letters(struct parser *p, const char *letters)
{
	int rc = 0;

	for (; rc == 0 && *letters != 0; letters++) {
		const struct args_option *o = find_letter(p, *letters);

		if (o == NULL)
			return err_set(p->err, ERR_INVALID, "unknown option '-%c'", *letters);
		if (o->type != ARGS_FLAG)
			return set(p, o, letters[1] != 0 ? letters + 1 : NULL);
		rc = set(p, o, NULL);
	}
	return rc;
}

int args_parse(const struct args_option *const *tables, unsigned flags, int *argc, char **argv,
               struct err *err)
{
	struct parser p = { .tables = tables, .argc = *argc, .argv = argv, .err = err };
	bool only_words = false;
	int words = 0;
	int rc = 0;

	while (rc == 0 && p.at < p.argc) {
		char *arg = argv[p.at++];

		if (only_words || arg[0] != '-' || arg[1] == 0) {
			argv[words++] = arg;
			only_words |= flags & ARGS_STOP_AT_WORD;
		} else if (strcmp(arg, "--") == 0) {
			only_words = true;
		} else {
			rc = arg[1] == '-' ? parse_long(&p, arg + 2) : parse_letters(&p, arg + 1);
		}
	}
	*argc = words;
	return rc;
}

#include "conf/conf.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "conf/yaml.h"

#include <string.h>

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? dot + 1 : name;
}

/* The levels of `name` that the key before it has not opened yet: "certs:". */
static int open_levels(const char *before, const char *name, struct buf *out)
{
	const char *at = name;
	const char *dot;
	int depth = 0;

	for (; (dot = strchr(at, '.')) != NULL; at = dot + 1, depth++)
		if (strncmp(before, name, (size_t)(dot - name) + 1) != 0)
			buf_appendf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - at), at);
	return depth;
}

/* One "key: value" line, the value as the YAML writer spells it. */
static int print_value(const struct conf_key *key, int depth, struct buf *out, struct err *err)
{
	struct value *value;
	int rc;

	buf_appendf(out, "%*s%s%s:", 2 * depth, "", key->value == NULL ? "#" : "",
	            last_part(key->name));
	if (key->value == NULL || key->type == CONF_LIST || key->type == CONF_MAP) {
		buf_appendf(out, "%s%s\n", key->value != NULL ? " " : "",
		            key->value != NULL ? key->value : "");
		return 0;
	}
	value = value_new_plain(key->value);
	if (value == NULL)
		return err_set_nomem(err);
	buf_append_byte(out, ' ');
	rc = yaml_write(value, out, err);
	value_free(value);
	return rc;
}

int conf_print_defaults(const struct conf_key *keys, struct buf *out, struct err *err)
{
	const char *before = "";
	int rc = 0;

	for (const struct conf_key *key = keys; rc == 0 && key->name != NULL; key++) {
		int depth = open_levels(before, key->name, out);

		buf_appendf(out, "%*s# %s%s\n", 2 * depth, "", key->help,
		            key->required ? " (required)" : "");
		rc = print_value(key, depth, out, err);
		before = key->name;
	}
	return rc != 0 ? rc : buf_check(out, err);
}

int conf_print_man(const struct conf_key *keys, struct buf *out, struct err *err)
{
	buf_append_str(out, ".Bl -tag -width Ds\n");
	for (const struct conf_key *key = keys; key->name != NULL; key++) {
		buf_appendf(out, ".It Ic %s\n%s", key->name, key->help);
		if (key->choices != NULL)
			buf_appendf(out, ": %s", key->choices);
		if (key->value != NULL)
			buf_appendf(out, ".\nDefault:\n.Ql %s .\n", key->value);
		else
			buf_append_str(out, key->required ? ".\nRequired.\n" : ".\n");
	}
	buf_append_str(out, ".El\n");
	return buf_check(out, err);
}

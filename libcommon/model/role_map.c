#include "model/role_map.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/regex.h"

#include <ctype.h>
#include <string.h>

#define EXPRESSION_MAX 4096
#define NAME_MAX_BYTES 1024

/* The expression of a remote name: as written, or its text with a group for each star. */
static void append_expression(const char *remote, struct buf *out)
{
	size_t len = strlen(remote);

	if (len >= 2 && remote[0] == '^' && remote[len - 1] == '$') {
		buf_append_str(out, remote);
		return;
	}
	buf_append_byte(out, '^');
	for (; *remote != 0; remote++) {
		if (*remote == '*')
			buf_append_str(out, "(.*)");
		else if (isalnum((unsigned char)*remote) || (unsigned char)*remote >= 0x80)
			buf_append_byte(out, (uint8_t)*remote);
		else
			buf_appendf(out, "\\%c", *remote);
	}
	buf_append_byte(out, '$');
}

static int compile(const char *remote, struct regex **out, struct err *err)
{
	struct buf expression = { .max = EXPRESSION_MAX };
	int rc;

	append_expression(remote, &expression);
	rc = buf_check(&expression, err);
	if (rc == 0)
		rc = regex_new(out, buf_str(&expression), err);
	buf_deinit(&expression);
	return rc;
}

/* What one local name becomes for a remote role, if the expression fits that at all. */
static int add_local(const struct regex *re, const char *remote, const char *local,
                     struct strlist *out, struct err *err)
{
	struct buf name = { .max = NAME_MAX_BYTES };
	bool match = false;
	int rc = regex_replace(re, remote, local, &name, &match, err);

	if (rc == 0 && match && name.len > 0)
		rc = strlist_add(out, buf_str(&name), err);
	buf_deinit(&name);
	return rc;
}

static int apply_entry(const pv_RoleMapping *entry, char *const *remote, size_t remote_count,
                       struct strlist *out, struct err *err)
{
	struct regex *re = NULL;
	int rc = compile(entry->remote != NULL ? entry->remote : "", &re, err);

	for (size_t i = 0; rc == 0 && i < remote_count; i++)
		for (size_t k = 0; rc == 0 && k < entry->local_count; k++)
			rc = add_local(re, remote[i], entry->local[k], out, err);
	regex_free(re);
	return rc;
}

int role_map_apply(const pv_RoleMapping *map, size_t map_count, char *const *remote,
                   size_t remote_count, struct strlist *out, struct err *err)
{
	char none[] = "", *only_none[] = { none };
	size_t before = out->count;

	if (remote_count == 0) {
		remote = only_none;
		remote_count = 1;
	}
	for (size_t i = 0; i < map_count; i++)
		if (apply_entry(&map[i], remote, remote_count, out, err) != 0)
			return err_wrap(err, "role_map[%zu]", i);
	if (out->count == before)
		return err_set(err, ERR_DENIED, "no role of the other cluster maps to one here");
	return 0;
}

/* --- validity -------------------------------------------------------------------------------- */

/* Whatever $ stands in it must be a capture, though perhaps none of this expression's. */
static int check_captures(const char *local, struct err *err)
{
	struct buf ignored = { .max = NAME_MAX_BYTES };
	struct regex *anything;
	bool match;
	int rc = regex_new(&anything, "^(.*)$", err);

	if (rc != 0)
		return rc;
	rc = regex_replace(anything, "x", local, &ignored, &match, err);
	regex_free(anything);
	buf_deinit(&ignored);
	return rc;
}

static int check_local(const char *local, struct err *err)
{
	if (str_empty(local))
		return err_set(err, ERR_INVALID, "an empty role");
	if (strcmp(local, "*") == 0)
		return err_set(err, ERR_INVALID, "'*' is no role, name those that are meant");
	return check_captures(local, err);
}

static int check_remote(const char *remote, struct err *err)
{
	struct regex *re;
	int rc;

	if (str_empty(remote))
		return err_set(err, ERR_INVALID, "missing");
	rc = compile(remote, &re, err);
	if (rc == 0)
		regex_free(re);
	return rc;
}

static int check_entry(const pv_RoleMapping *entry, struct err *err)
{
	if (check_remote(entry->remote, err) != 0)
		return err_wrap(err, "remote");
	if (entry->local_count == 0)
		return err_set(err, ERR_INVALID, "local: no roles");
	for (size_t i = 0; i < entry->local_count; i++)
		if (check_local(entry->local[i], err) != 0)
			return err_wrap(err, "local[%zu]", i);
	return 0;
}

int role_map_check(const char *field, const pv_RoleMapping *map, size_t map_count, struct err *err)
{
	for (size_t i = 0; i < map_count; i++) {
		if (check_entry(&map[i], err) != 0)
			return err_wrap(err, "%s[%zu]", field, i);
		for (size_t k = 0; k < i; k++)
			if (strcmp(map[k].remote, map[i].remote) == 0)
				return err_set(err, ERR_INVALID,
				               "%s[%zu].remote: '%s' is mapped already", field, i,
				               map[i].remote);
	}
	return 0;
}

char *role_map_user(const char *user, const char *cluster)
{
	return str_printf(ROLE_MAP_USER "%s-%s", user, cluster);
}

#include "model/role.h"

#include "base/err.h"
#include "base/map.h"
#include "model/identity.h"
#include "model/role_inside.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOP_ROLE "nop" /* alone it is nothing at all, not even what everybody may */

static int role_init(struct role *r, const char *name, const struct traits *traits,
                     role_lookup lookup, void *arg, struct err *err)
{
	pv_RoleSpec *spec = &r->pb.spec;
	int rc = lookup(arg, name, &r->pb, err);

	if (rc != 0)
		return rc;
	r->name = r->pb.metadata.name != NULL ? r->pb.metadata.name : "";
	if (strcmp(r->name, name) != 0)
		return err_set(err, ERR_INTERNAL, "asked for role '%s' and got '%s'", name,
		               r->name);
	r->ttl = spec->options.max_session_ttl > 0 ? spec->options.max_session_ttl
	                                           : ROLE_TTL_DEFAULT;
	rc = role_part_init(&r->allow, &spec->allow, traits, false, err);
	if (rc == 0)
		rc = role_part_init(&r->deny, &spec->deny, traits, true, err);
	return rc != 0 ? err_wrap(err, "role '%s'", name) : 0;
}

static void role_deinit(struct role *r)
{
	role_part_deinit(&r->allow);
	role_part_deinit(&r->deny);
	fields_release(&pv_Role_table, &r->pb);
}

static int add_roles(struct role_set *s, struct map *seen, role_lookup lookup, void *arg,
                     struct err *err)
{
	const struct traits traits = { s->who.traits, s->who.traits_count };
	int rc;

	for (size_t i = 0; i < s->who.roles_count; i++) {
		const char *name = s->who.roles[i];

		if (map_get(seen, name) != NULL)
			continue;
		if (map_put(seen, name, s, NULL) != 0)
			return err_set_nomem(err);
		s->count++;
		rc = role_init(&s->roles[s->count - 1], name, &traits, lookup, arg, err);
		if (rc != 0)
			return rc;
		role_options_merge(&s->options, &s->roles[s->count - 1].pb.spec.options);
	}
	return 0;
}

static int fill(struct role_set *s, const pv_Identity *who, role_lookup lookup, void *arg,
                struct err *err)
{
	struct map *seen = NULL;
	int rc = identity_copy(&s->who, who, err);

	if (rc != 0)
		return rc;
	s->implicit = who->roles_count != 1 || strcasecmp(who->roles[0], NOP_ROLE) != 0;
	s->roles = calloc((size_t)who->roles_count + 1, sizeof(*s->roles));
	seen = map_new();
	rc = s->roles != NULL && seen != NULL ? add_roles(s, seen, lookup, arg, err)
	                                      : err_set_nomem(err);
	map_free(seen);
	return rc;
}

int role_set_new(struct role_set **out, const pv_Identity *who, role_lookup lookup, void *arg,
                 struct err *err)
{
	struct role_set *s;
	int rc;

	if (who->roles_count > ROLE_SET_MAX)
		return err_set(err, ERR_LIMIT, "more than %d roles", ROLE_SET_MAX);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set_nomem(err);
	s->refs = 1;
	role_options_init(&s->options);
	rc = fill(s, who, lookup, arg, err);
	if (rc != 0)
		role_set_unref(s);
	else
		*out = s;
	return rc;
}

struct role_set *role_set_ref(struct role_set *s)
{
	s->refs++;
	return s;
}

void role_set_unref(struct role_set *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	for (size_t i = 0; i < s->count; i++)
		role_deinit(&s->roles[i]);
	free(s->roles);
	identity_deinit(&s->who);
	free(s);
}

const struct role_options *role_set_options(const struct role_set *s)
{
	return &s->options;
}

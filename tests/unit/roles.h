/*
 * roles - role sets from YAML, for tests: a document per role, put together as an administrator and
 * a certificate would.
 */
#ifndef TESTS_ROLES_H
#define TESTS_ROLES_H

#include "model/role.h"

#include "base/err.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define TEXT(s)   ((char[]){ s }) /* one that is not const */
#define ROLES_MAX 8

/* A role from "spec: ..." in YAML, valid and filled in. */
static inline int role_of_yaml(const char *name, const char *version, const char *spec,
                               pv_Role *out, struct err *err)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	char yaml[2000];
	int rc;

	snprintf(yaml, sizeof(yaml), "{metadata: {name: %s}, version: %s, spec: %s}", name, version,
	         spec);
	rc = fields_from_yaml(&pv_Role_table, "test", yaml, strlen(yaml), &r.of.role, err);
	if (rc == 0)
		rc = resource_validate(&r, err);
	if (rc == 0)
		*out = r.of.role;
	else
		resource_deinit(&r);
	return rc;
}

struct role_docs {
	const char *version;
	const char *specs[ROLES_MAX]; /* of the roles r0, r1, ...; NULL ends */
	const pv_Identity_TraitsEntry *traits;
	size_t traits_count;
};

static inline int roles_lookup(void *arg, const char *name, pv_Role *out, struct err *err)
{
	const struct role_docs *docs = arg;

	return role_of_yaml(name, docs->version, docs->specs[name[1] - '0'], out, err);
}

/* The set that somebody has all of them in; alice. */
static inline int roles_try(const struct role_docs *docs, struct role_set **out, struct err *err)
{
	char names[ROLES_MAX][4], *roles[ROLES_MAX];
	pv_Identity who = {
		.user = TEXT("alice"),
		.roles = roles,
		.traits = (pv_Identity_TraitsEntry *)(uintptr_t)docs->traits,
		.traits_count = (pb_size_t)docs->traits_count,
	};

	for (size_t i = 0; i < ROLES_MAX && docs->specs[i] != NULL; i++) {
		snprintf(names[i], sizeof(names[i]), "r%zu", i);
		roles[who.roles_count++] = names[i];
	}
	return role_set_new(out, &who, roles_lookup, (void *)(uintptr_t)docs, err);
}

static inline struct role_set *roles_of(const struct role_docs *docs)
{
	struct role_set *s = NULL;
	struct err err;

	if (roles_try(docs, &s, &err) != 0)
		fail_msg("%s: %s", docs->specs[0], err.msg);
	return s;
}

static inline const struct role_options *roles_options(const struct role_docs *docs,
                                                       struct role_options *out)
{
	struct role_set *s = roles_of(docs);

	*out = *role_set_options(s);
	role_set_unref(s);
	return out;
}

#endif

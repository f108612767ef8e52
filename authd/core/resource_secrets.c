#include "authd/core/resource_secrets.h"

#include "authd/core/authd.h"
#include "authd/core/companions.h"
#include "authd/core/secrets.h"

#include "base/err.h"
#include "wire/fields_secrets.h"

#include "proto/resource.fields.h"

#include <stdio.h>

static bool has_any(const struct resource_kind *kind)
{
	return kind->writable && !kind->sub_kinds && kind->table->secrets;
}

static int secrets_key(char out[SECRETS_KEY_SIZE], const struct resource_kind *kind,
                       const char *name, struct err *err)
{
	char key[RESOURCE_KEY_SIZE];

	if (resource_key(key, kind, NULL, name, err) != 0)
		return err->code;
	if (snprintf(out, SECRETS_KEY_SIZE, KEYSPACE_SECRETS "resources%s", key) >=
	    SECRETS_KEY_SIZE)
		return err_set(err, ERR_INVALID, "%s: the name is too long", kind->name);
	return 0;
}

/* The whole record; an empty one when nothing secret is known. */
static int load_whole(struct authd *a, const pv_Resource *r, pv_Resource *out, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	int rc = secrets_key(key, resource_kind_of(r), resource_name(r), err);

	*out = (pv_Resource){ 0 };
	if (rc == 0)
		rc = secrets_load(a, key, &pv_Resource_table, out, NULL, err);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int resource_secrets_add(struct authd *a, pv_Resource *r, struct err *err)
{
	pv_Resource whole;
	int rc;

	if (!has_any(resource_kind_of(r)))
		return 0;
	if (load_whole(a, r, &whole, err) != 0)
		return err->code;
	rc = fields_keep_secrets(&pv_Resource_table, &whole, r, err);
	resource_deinit(&whole);
	return rc;
}

static int add_companion(pv_Resource *r, struct companions *out, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	int rc = secrets_key(key, resource_kind_of(r), resource_name(r), err);

	if (rc == 0)
		rc = companions_add_put(out, key, &pv_Resource_table, r,
		                        resource_metadata(r)->expires, err);
	fields_drop_secrets(&pv_Resource_table, r);
	return rc;
}

int resource_secrets_split(struct authd *a, pv_Resource *r, struct companions *out,
                           bool *out_changed, struct err *err)
{
	pv_Resource whole;
	int rc;

	*out_changed = false;
	if (!has_any(resource_kind_of(r)))
		return 0;
	if (load_whole(a, r, &whole, err) != 0)
		return err->code;
	rc = fields_keep_secrets(&pv_Resource_table, &whole, r, err);
	*out_changed = rc == 0 && !fields_same_secrets(&pv_Resource_table, &whole, r);
	resource_deinit(&whole);
	if (rc == 0 && fields_has_secrets(&pv_Resource_table, r))
		rc = add_companion(r, out, err);
	return rc;
}

int resource_secrets_forget(const struct resource_kind *kind, const char *name,
                            struct companions *out, struct err *err)
{
	const struct keyspace_op delete = { .action = KEYSPACE_DELETE };
	char key[SECRETS_KEY_SIZE];

	if (!has_any(kind))
		return 0;
	if (secrets_key(key, kind, name, err) != 0)
		return err->code;
	return companions_add(out, delete, key, err);
}

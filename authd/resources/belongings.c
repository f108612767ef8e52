#include "authd/resources/belongings.h"

#include "authd/core/authd.h"
#include "authd/core/resource_secrets.h"
#include "authd/core/secrets.h"
#include "authd/hosts/tokens.h"
#include "authd/people/invite.h"
#include "authd/trust/trusted.h"

#include "base/err.h"
#include "model/resource.h"

#include <stdlib.h>
#include <string.h>

int belongings_of_put(struct authd *a, pv_Resource *r, struct companions *out, struct err *err)
{
	int rc = 0;

	*out = (struct companions){ 0 };
	if (r->which_of == pv_Resource_token_tag) {
		rc = tokens_find(a, &r->of.token, out, err);
		if (rc == ERR_NOT_FOUND)
			rc = tokens_hide_value(a, &r->of.token, out, err);
	}
	if (rc != 0)
		companions_deinit(out);
	return rc;
}

/* All of a user's secrets, and the invite that leads to them. */
static int forget_user(struct authd *a, const char *name, struct companions *out, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	int rc = strlist_add(&out->keys, secrets_user_prefix(key, name), err);

	if (rc == 0)
		rc = invite_forget_op(a, name, key, out->ops, &out->count, err);
	if (rc == 0 && out->count > 0) {
		rc = strlist_add(&out->keys, key, err);
		if (rc == 0)
			out->ops[0].key = out->keys.items[1];
	}
	if (rc == 0)
		out->ops[out->count++] = keyspace_op_delete_range(out->keys.items[0], NULL);
	return rc == 0 ? resource_secrets_forget(resource_kind_find("user"), name, out, err) : rc;
}

/* A host that is removed may not renew its certificates. */
static int forget_host(const char *id, struct companions *out, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	const struct keyspace_op delete = { .action = KEYSPACE_DELETE };

	return companions_add(out, delete, secrets_host_key(key, id), err);
}

int belongings_of_delete(struct authd *a, const struct resource_kind *kind, const char *name,
                         struct companions *out, char **out_name, struct err *err)
{
	char *stored = NULL;
	int rc = resource_check_name(name, err);

	*out = (struct companions){ 0 };
	if (rc == 0 && kind->tag == pv_Resource_user_tag)
		rc = forget_user(a, name, out, err);
	else if (rc == 0 && resource_kind_is_host(kind))
		rc = forget_host(name, out, err);
	else if (rc == 0 && kind->tag == pv_Resource_token_tag)
		rc = tokens_forget(a, name, out, &stored, err);
	else if (rc == 0)
		rc = resource_secrets_forget(kind, name, out, err);
	if (rc == 0 && kind->tag == pv_Resource_trusted_cluster_tag)
		rc = trusted_of_delete(name, out, err);
	else if (rc == 0 && kind->tag == pv_Resource_remote_cluster_tag)
		rc = trusted_forget_leaf(name, out, err);
	if (rc == 0 && stored == NULL) {
		stored = strdup(name);
		rc = stored != NULL ? 0 : err_set_nomem(err);
	}
	if (rc != 0)
		companions_deinit(out);
	else
		*out_name = stored;
	return rc;
}

#include "authd/people/requests.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/request.h"
#include "model/resource.h"

int requests_load(struct authd *a, const char *id, pv_Resource *out, uint64_t *out_revision,
                  struct err *err)
{
	char key[RESOURCE_KEY_SIZE];
	struct keyspace_item item;
	int rc;

	if (id == NULL || !resource_is_uuid(id))
		return err_set(err, ERR_INVALID, "'%s' is not the id of a request",
		               id != NULL ? id : "");
	rc = resource_key(key, resource_kind_find("access_request"), NULL, id, err);
	if (rc == 0)
		rc = keyspace_get(a->keyspace, key, &item, err);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "there is no request '%s' (any more)", id);
	if (rc != 0)
		return rc;
	*out_revision = item.revision;
	rc = resource_of_item(&item, out, err);
	keyspace_item_deinit(&item);
	return rc;
}

int requests_write(struct authd *a, pv_Resource *r, uint64_t revision, keyspace_done_cb done,
                   void *arg, struct err *err)
{
	const pv_AccessRequestSpec *spec = &r->of.access_request.spec;
	int64_t expires = str_eq(spec->state, REQUEST_PENDING) ? spec->created + REQUESTS_PENDING_MS
	                                                       : spec->expires;
	char key[RESOURCE_KEY_SIZE];
	struct keyspace_op op;
	struct buf bytes = { 0 };
	int rc = resource_validate(r, err);

	if (rc == 0)
		rc = resource_key_of(key, r, err);
	if (rc == 0)
		rc = resource_bytes(a, key, r, &bytes, err);
	if (rc == 0) {
		op = revision == 0
		             ? keyspace_op_create(key, bytes.data, bytes.len, expires)
		             : keyspace_op_update_at(key, revision, bytes.data, bytes.len, expires);
		rc = keyspace_write(a->keyspace, &op, 1, done, arg, err);
	}
	buf_deinit(&bytes);
	return rc;
}

int requests_check_grant(struct authd *a, const pv_AccessRequestSpec *spec, const char *user,
                         struct err *err)
{
	if (!str_eq(spec->user, user))
		return err_set(err, ERR_DENIED, "this request is of somebody else");
	if (!str_eq(spec->state, REQUEST_APPROVED))
		return err_set(err, ERR_DENIED, "the request is %s, not approved", spec->state);
	if (authd_now(a) >= spec->expires)
		return err_set(err, ERR_DENIED, "the access that was requested is over");
	return 0;
}

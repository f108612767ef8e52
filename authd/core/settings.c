#include "authd/core/settings.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "store/keyspace.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

int settings_default(const struct resource_kind *kind, pv_Resource *out, struct err *err)
{
	pv_Resource r = { .which_of = kind->tag };

	if (resource_validate(&r, err) != 0) {
		resource_deinit(&r);
		return err->code;
	}
	*out = r;
	return 0;
}

static int cluster_name(const struct authd *a, pv_Resource *out, struct err *err)
{
	pv_Resource r = { .which_of = pv_Resource_cluster_name_tag };
	pv_ClusterNameSpec *spec = &r.of.cluster_name.spec;
	char id[RAND_UUID_SIZE];

	rand_uuid(id);
	r.of.cluster_name.has_spec = true;
	if (fields_set_str(&spec->cluster_name, a->conf.cluster_name, err) != 0 ||
	    fields_set_str(&spec->cluster_id, id, err) != 0 || resource_validate(&r, err) != 0) {
		resource_deinit(&r);
		return err->code;
	}
	*out = r;
	return 0;
}

/* Two programs may start at once: whoever comes second finds it. */
static int create(struct authd *a, const struct resource_kind *kind, struct err *err)
{
	pv_Resource r = pv_Resource_init_zero;
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	int rc = kind->tag == pv_Resource_cluster_name_tag ? cluster_name(a, &r, err)
	                                                   : settings_default(kind, &r, err);

	if (rc == 0)
		rc = resource_key_of(key, &r, err);
	if (rc == 0)
		rc = resource_encode(&r, &bytes, err);
	if (rc == 0) {
		const struct keyspace_op op = keyspace_op_create(key, bytes.data, bytes.len, 0);

		rc = keyspace_write_wait(a->keyspace, &op, 1, NULL, err);
	}
	resource_deinit(&r);
	buf_deinit(&bytes);
	return rc == ERR_EXISTS ? 0 : rc;
}

static int ensure(struct authd *a, const struct resource_kind *kind, struct err *err)
{
	char key[RESOURCE_KEY_SIZE];
	struct keyspace_item item;
	int rc = resource_key(key, kind, NULL, kind->singleton, err);

	if (rc == 0)
		rc = keyspace_get(a->keyspace, key, &item, err);
	if (rc == 0)
		keyspace_item_deinit(&item);
	return rc == ERR_NOT_FOUND ? create(a, kind, err) : rc;
}

int settings_open(struct authd *a, struct err *err)
{
	for (const struct resource_kind *k = resource_kind_next(NULL); k != NULL;
	     k = resource_kind_next(k))
		if (k->singleton != NULL && ensure(a, k, err) != 0)
			return err_wrap(err, "make %s", k->name);
	return 0;
}

/* --- what they say --------------------------------------------------------------------------- */

static int load_auth(struct authd *a, pv_Resource *out, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find("cluster_auth_preference");

	return resource_load(a, kind, NULL, kind->singleton, out, err);
}

int64_t settings_session_ttl(struct authd *a)
{
	pv_Resource r;
	struct err ignored;
	int64_t ttl = 0;

	if (load_auth(a, &r, &ignored) == 0) {
		ttl = r.of.cluster_auth_preference.spec.default_session_ttl;
		resource_deinit(&r);
	}
	return ttl > 0 ? ttl : a->conf.cert_ttl;
}

int settings_check_local_login(struct authd *a, struct err *err)
{
	const pv_ClusterAuthPreferenceSpec *spec;
	pv_Resource r;
	bool allowed;

	if (load_auth(a, &r, err) != 0)
		return err->code;
	spec = &r.of.cluster_auth_preference.spec;
	allowed = !spec->has_allow_local_auth || spec->allow_local_auth;
	resource_deinit(&r);
	if (allowed)
		return 0;
	return err_set(err, ERR_DENIED, "this cluster does not let local users log in");
}

#include "authd/trust/remote_keys.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "model/foreign_authority.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>

#define TYPES 2

struct taking {
	struct authd *authd;
	char *cluster;
	struct keyspace_op ops[TYPES];
	char keys[TYPES][RESOURCE_KEY_SIZE];
	struct buf bytes[TYPES];
	size_t count;
	remote_keys_cb done;
	void *owner;
};

static void taking_free(struct taking *t)
{
	for (size_t i = 0; i < TYPES; i++)
		buf_deinit(&t->bytes[i]);
	free(t->cluster);
	free(t);
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	struct taking *t = arg;

	(void)revision;
	if (err == NULL)
		log_info("authorities of another cluster changed", kv("cluster", t->cluster));
	t->done(t->owner, err);
	taking_free(t);
}

static bool same_keys(const pv_CertAuthoritySpec *a, const pv_CertAuthoritySpec *b)
{
	return fields_equal(&pv_CaKeys_table, &a->active_keys, &b->active_keys) &&
	       fields_equal(&pv_CaKeys_table, &a->additional_trusted_keys,
	                    &b->additional_trusted_keys);
}

/* The record as it stands, with the keys of `fresh`. */
static int replace_keys(struct taking *t, pv_Resource *stored, pv_CertAuthority *fresh,
                        uint64_t revision, struct err *err)
{
	pv_CertAuthoritySpec *spec = &stored->of.cert_authority.spec;
	pv_CertAuthoritySpec had = *spec;
	size_t i = t->count;

	spec->has_active_keys = spec->has_additional_trusted_keys = true;
	spec->active_keys = fresh->spec.active_keys;
	spec->additional_trusted_keys = fresh->spec.additional_trusted_keys;
	fresh->spec.active_keys = had.active_keys; /* they go with it */
	fresh->spec.additional_trusted_keys = had.additional_trusted_keys;
	if (resource_key_of(t->keys[i], stored, err) != 0 ||
	    resource_bytes(t->authd, t->keys[i], stored, &t->bytes[i], err) != 0)
		return err->code;
	t->ops[i] =
	        keyspace_op_update_at(t->keys[i], revision, t->bytes[i].data, t->bytes[i].len, 0);
	t->count++;
	return 0;
}

static int revision_of(const pv_Resource *r, uint64_t *out, struct err *err)
{
	int64_t number;

	if (str_to_i64(resource_metadata_of(r)->revision, 1, INT64_MAX, &number, err) != 0)
		return err->code;
	*out = (uint64_t)number;
	return 0;
}

static int take_type(struct taking *t, const pv_CertAuthority *said, const char *type,
                     struct err *err)
{
	pv_CertAuthority fresh = pv_CertAuthority_init_zero;
	pv_Resource stored = pv_Resource_init_zero;
	uint64_t revision = 0;
	int rc = resource_load(t->authd, resource_kind_find("cert_authority"), type, t->cluster,
	                       &stored, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc == 0)
		rc = foreign_authority_read(said, type, t->cluster, &fresh, err);
	if (rc == 0)
		rc = revision_of(&stored, &revision, err);
	if (rc == 0 && !same_keys(&stored.of.cert_authority.spec, &fresh.spec))
		rc = replace_keys(t, &stored, &fresh, revision, err);
	fields_release(&pv_CertAuthority_table, &fresh);
	resource_deinit(&stored);
	return rc;
}

static int take_all(struct taking *t, const pv_CertAuthority *all, size_t count, struct err *err)
{
	static const char *const types[TYPES] = { "user", "host" };

	for (int i = 0; i < TYPES; i++) {
		const pv_CertAuthority *said = foreign_authority_find(all, count, types[i]);

		if (said != NULL && take_type(t, said, types[i], err) != 0)
			return err_wrap(err, "the %s authority of cluster '%s'", types[i],
			                t->cluster);
	}
	return 0;
}

int remote_keys_take(struct authd *a, const char *cluster, const pv_CertAuthority *all,
                     size_t count, remote_keys_cb done, void *owner, bool *out_news,
                     struct err *err)
{
	struct taking *t = calloc(1, sizeof(*t));
	int rc;

	*out_news = false;
	if (t == NULL)
		return err_set_nomem(err);
	*t = (struct taking){ .authd = a, .done = done, .owner = owner };
	t->cluster = str_printf("%s", cluster);
	rc = t->cluster != NULL ? take_all(t, all, count, err) : err_set_nomem(err);
	if (rc == 0 && t->count > 0)
		rc = keyspace_write(a->keyspace, t->ops, t->count, on_written, t, err);
	*out_news = rc == 0 && t->count > 0;
	if (!*out_news)
		taking_free(t);
	return rc;
}

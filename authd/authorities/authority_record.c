#include "authd/authorities/authority_record.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdio.h>
#include <stdlib.h>

/* --- keys in the keyspace -------------------------------------------------------------------- */

static int public_key(char out[RESOURCE_KEY_SIZE], const char *type, const char *cluster,
                      struct err *err)
{
	return resource_key(out, resource_kind_find("cert_authority"), type, cluster, err);
}

static int secret_key(char out[RESOURCE_KEY_SIZE], const char *type, const char *cluster,
                      struct err *err)
{
	char key[RESOURCE_KEY_SIZE];

	if (public_key(key, type, cluster, err) != 0)
		return err->code;
	if (snprintf(out, RESOURCE_KEY_SIZE, "%s%s", KEYSPACE_SECRETS, key + 1) >=
	    RESOURCE_KEY_SIZE)
		return err_set(err, ERR_INVALID, "the cluster's name is too long");
	return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

int authority_record_read(struct keyspace *ks, const char *type, const char *cluster,
                          pv_CertAuthority *out, uint64_t *out_revision, struct err *err)
{
	struct keyspace_item item;
	char key[RESOURCE_KEY_SIZE];
	int rc;

	if (secret_key(key, type, cluster, err) != 0 || keyspace_get(ks, key, &item, err) != 0)
		return err->code;
	rc = fields_decode(&pv_CertAuthority_table, item.value, item.len, out, err);
	*out_revision = item.revision;
	keyspace_item_deinit(&item);
	return rc;
}

static void forget_private(pb_bytes_array_t **field)
{
	free(*field);
	*field = NULL;
}

static void strip(pv_CaKeys *keys)
{
	for (size_t i = 0; i < keys->ssh_count; i++)
		forget_private(&keys->ssh[i].private_key);
	for (size_t i = 0; i < keys->tls_count; i++)
		forget_private(&keys->tls[i].key);
}

int authority_record_public(const pv_CertAuthority *secret, pv_CertAuthority *out, struct err *err)
{
	if (fields_clone(&pv_CertAuthority_table, secret, out, err) != 0)
		return err->code;
	strip(&out->spec.active_keys);
	strip(&out->spec.additional_trusted_keys);
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Takes over from the stored value what `fresh` does not know. */
static int carry(struct keyspace *ks, const char *key, const struct fields_table *t,
                 const struct buf *fresh, struct buf *out, struct err *err)
{
	struct keyspace_item old;
	int rc = keyspace_get(ks, key, &old, err);

	if (rc == ERR_NOT_FOUND) {
		buf_append(out, fresh->data, fresh->len);
		return buf_check(out, err);
	}
	if (rc != 0)
		return rc;
	rc = fields_carry_unknown(t, old.value, old.len, fresh->data, fresh->len, out, err);
	keyspace_item_deinit(&old);
	return rc;
}

static int encode(struct keyspace *ks, const char *key, const struct fields_table *t,
                  const void *msg, struct buf *out, struct err *err)
{
	struct buf fresh = { 0 };
	int rc = fields_encode(t, msg, &fresh, err);

	if (rc == 0)
		rc = carry(ks, key, t, &fresh, out, err);
	buf_wipe(&fresh);
	return rc;
}

int authority_record_ops(struct keyspace *ks, const pv_CertAuthority *secret, uint64_t revision,
                         struct authority_write *w, struct keyspace_op ops[2], struct err *err)
{
	pv_Resource public = { .which_of = pv_Resource_cert_authority_tag };
	int rc;

	*w = (struct authority_write){ 0 };
	if (public_key(w->keys[0], secret->sub_kind, secret->metadata.name, err) != 0 ||
	    secret_key(w->keys[1], secret->sub_kind, secret->metadata.name, err) != 0 ||
	    authority_record_public(secret, &public.of.cert_authority, err) != 0)
		return err->code;
	rc = encode(ks, w->keys[0], &pv_Resource_table, &public, &w->bytes[0], err);
	if (rc == 0)
		rc = encode(ks, w->keys[1], &pv_CertAuthority_table, secret, &w->bytes[1], err);
	for (size_t i = 0; i < 2; i++) {
		ops[i] = keyspace_op_create(w->keys[i], w->bytes[i].data, w->bytes[i].len, 0);
		if (revision != 0)
			ops[i] = keyspace_op_update_at(w->keys[i], revision, w->bytes[i].data,
			                               w->bytes[i].len, 0);
	}
	resource_deinit(&public);
	return rc;
}

void authority_write_deinit(struct authority_write *w)
{
	buf_deinit(&w->bytes[0]);
	buf_wipe(&w->bytes[1]);
}

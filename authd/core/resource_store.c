#include "authd/core/resource_store.h"

#include "authd/core/authd.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <inttypes.h>
#include <stdio.h>

int resource_of_item(const struct keyspace_item *item, pv_Resource *out, struct err *err)
{
	char revision[24];
	pv_Metadata *meta;

	if (resource_decode(out, item->value, item->len, err) != 0)
		return err_wrap(err, "'%s'", item->key);
	if (resource_kind_of(out) == NULL) {
		resource_deinit(out);
		return err_set(err, ERR_CORRUPT, "'%s' holds no resource that is known here",
		               item->key);
	}
	snprintf(revision, sizeof(revision), "%" PRIu64, item->revision);
	meta = resource_metadata(out);
	meta->expires = item->expires;
	if (fields_set_str(&meta->revision, revision, err) != 0) {
		resource_deinit(out);
		return err->code;
	}
	return 0;
}

int resource_load(struct authd *a, const struct resource_kind *kind, const char *sub_kind,
                  const char *name, pv_Resource *out, struct err *err)
{
	char key[RESOURCE_KEY_SIZE];
	struct keyspace_item item;
	int rc;

	if (resource_key(key, kind, sub_kind, name, err) != 0)
		return err->code;
	rc = keyspace_get(a->keyspace, key, &item, err);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "no such %s '%s'", kind->name, name);
	if (rc != 0)
		return rc;
	rc = resource_of_item(&item, out, err);
	keyspace_item_deinit(&item);
	return rc;
}

/* The revision is the item's own and never part of its value. */
static int encode_without_revision(const pv_Resource *r, struct buf *out, struct err *err)
{
	pv_Resource copy = *r;

	resource_metadata(&copy)->revision = NULL;
	return resource_encode(&copy, out, err);
}

int resource_bytes(struct authd *a, const char *key, const pv_Resource *r, struct buf *out,
                   struct err *err)
{
	struct keyspace_item old;
	struct buf fresh = { 0 };
	int rc = encode_without_revision(r, &fresh, err);

	if (rc != 0)
		goto out;
	rc = keyspace_get(a->keyspace, key, &old, err);
	if (rc == 0) {
		rc = fields_carry_unknown(&pv_Resource_table, old.value, old.len, fresh.data,
		                          fresh.len, out, err);
		keyspace_item_deinit(&old);
	} else if (rc == ERR_NOT_FOUND) {
		buf_append(out, fresh.data, fresh.len);
		rc = buf_check(out, err);
	}
out:
	buf_wipe(&fresh);
	return rc;
}

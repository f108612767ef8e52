#include "authd/core/cluster.h"

#include "authd/core/authd.h"
#include "authd/core/settings.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/preset.h"
#include "model/resource.h"
#include "store/keyspace.h"

#include <stdbool.h>
#include <string.h>

#define KEY_NAME         KEYSPACE_SECRETS "authd/cluster"
#define CLUSTER_NAME_MAX 150

/* One label of a DNS name in lower case (RFC 1123). */
static bool is_label(const char *s, size_t len)
{
	if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") >= len;
}

/* The name becomes part of host names (auth.<cluster>) and, behind a UUID, a common name. */
int cluster_check_name(const char *name, struct err *err)
{
	if (strlen(name) > CLUSTER_NAME_MAX)
		return err_set(err, ERR_INVALID, "more than %d bytes", CLUSTER_NAME_MAX);
	for (const char *at = name;; at++) {
		size_t len = strcspn(at, ".");

		if (!is_label(at, len))
			return err_set(err, ERR_INVALID, "'%s' is not a DNS name in lower case",
			               name);
		at += len;
		if (*at == 0)
			return 0;
	}
}

/* ERR_NOT_FOUND: a keyspace without a cluster. */
static int check_name(struct authd *a, struct err *err)
{
	struct keyspace_item item;
	int rc = keyspace_get(a->keyspace, KEY_NAME, &item, err);

	if (rc != 0)
		return rc;
	if (strcmp((const char *)item.value, a->conf.cluster_name) != 0)
		rc = err_set(
		        err, ERR_INVALID,
		        "cluster.name is '%s', but '%s' keeps the cluster '%s': the name never "
		        "changes",
		        a->conf.cluster_name, a->conf.data_dir, (const char *)item.value);
	keyspace_item_deinit(&item);
	return rc;
}

static int store_preset(struct authd *a, size_t index, struct err *err)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	struct keyspace_op op;
	int rc = preset_role(index, &r.of.role, err);

	if (rc != 0)
		return rc;
	rc = resource_key_of(key, &r, err);
	if (rc == 0)
		rc = resource_encode(&r, &bytes, err);
	if (rc == 0) {
		op = keyspace_op_put(key, bytes.data, bytes.len, 0);
		rc = keyspace_write_wait(a->keyspace, &op, 1, NULL, err);
	}
	resource_deinit(&r);
	buf_deinit(&bytes);
	return rc;
}

/* The name is stored last: a start that was cut short is a first start again. */
static int finish_first_start(struct authd *a, struct err *err)
{
	const char *name = a->conf.cluster_name;
	struct keyspace_op op = keyspace_op_create(KEY_NAME, name, strlen(name), 0);

	for (size_t i = 0; i < PRESET_ROLES; i++)
		if (store_preset(a, i, err) != 0)
			return err->code;
	return keyspace_write_wait(a->keyspace, &op, 1, NULL, err);
}

int cluster_open(struct authd *a, int *out_created, struct err *err)
{
	int rc = cluster_check_name(a->conf.cluster_name, err);

	if (rc != 0)
		return err_wrap(err, "cluster.name");
	rc = check_name(a, err);
	*out_created = rc == ERR_NOT_FOUND;
	if (rc != 0 && rc != ERR_NOT_FOUND)
		return rc;
	if (authorities_open(&a->authorities, a->keyspace, a->conf.cluster_name, a->clock, err) !=
	            0 ||
	    own_open(&a->own, a->keyspace, err) != 0)
		return err->code;
	if (settings_open(a, err) != 0)
		return err->code;
	return *out_created ? finish_first_start(a, err) : 0;
}

void cluster_close(struct authd *a)
{
	authorities_deinit(&a->authorities);
	own_deinit(&a->own);
}

#include "authd/trust/trusted.h"

#include "authd/core/authd.h"
#include "authd/core/companions.h"
#include "authd/core/resource_store.h"

#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/cluster.fields.h"
#include "proto/resource.fields.h"

#include <stdio.h>

#define DEACTIVATED "/deactivated"
#define KEY_SIZE    (RESOURCE_KEY_SIZE + sizeof(DEACTIVATED))

static const char *const types[] = { "user", "host" };

static int authority_key(char out[KEY_SIZE], bool active, const char *type, const char *cluster,
                         struct err *err)
{
	char key[RESOURCE_KEY_SIZE];

	if (resource_key(key, resource_kind_find("cert_authority"), type, cluster, err) != 0)
		return err->code;
	snprintf(out, KEY_SIZE, "%s%s", active ? "" : DEACTIVATED, key);
	return 0;
}

static int add_delete(const char *key, struct companions *out, struct err *err)
{
	const struct keyspace_op delete = { .action = KEYSPACE_DELETE };

	return companions_add(out, delete, key, err);
}

/* --- the authorities ------------------------------------------------------------------------- */

/* The role map as the record has it; the old form, `roles`, is one for everybody. */
static int set_role_map(pv_CertAuthority *ca, const pv_TrustedClusterSpec *spec, struct err *err)
{
	char everybody[] = "*";
	pv_RoleMapping old = { everybody, spec->roles_count, spec->roles };
	const pv_RoleMapping *map = spec->roles_count > 0 ? &old : spec->role_map;
	pb_size_t count = spec->roles_count > 0 ? 1 : spec->role_map_count;

	for (pb_size_t i = 0; i < count; i++) {
		pv_RoleMapping *to =
		        fields_add(&ca->spec.role_map, &ca->spec.role_map_count, sizeof(*to), err);

		if (to == NULL || fields_clone(&pv_RoleMapping_table, &map[i], to, err) != 0)
			return err->code;
	}
	return 0;
}

/* Where it belongs now, and nowhere else. */
static int place_one(const pv_CertAuthority *ca, const char *type, const pv_TrustedCluster *t,
                     bool is_new, struct companions *out, struct err *err)
{
	bool enabled = t->spec.enabled;
	pv_Resource r = { .which_of = pv_Resource_cert_authority_tag };
	pv_CertAuthority *own = &r.of.cert_authority;
	char key[KEY_SIZE], other[KEY_SIZE];
	int rc = fields_clone(&pv_CertAuthority_table, ca, own, err);

	while (own->spec.role_map_count > 0)
		fields_release(&pv_RoleMapping_table,
		               &own->spec.role_map[--own->spec.role_map_count]);
	if (rc == 0 && str_eq(type, "user"))
		rc = set_role_map(own, &t->spec, err);
	if (rc == 0)
		rc = authority_key(key, enabled, type, t->metadata.name, err);
	if (rc == 0)
		rc = authority_key(other, !enabled, type, t->metadata.name, err);
	if (rc == 0)
		rc = (is_new ? companions_add_create
		             : companions_add_put)(out, key, &pv_Resource_table, &r, 0, err);
	if (rc == 0)
		rc = add_delete(other, out, err);
	resource_deinit(&r);
	return rc;
}

/* The agents of our tunnels follow these. */
static int place_tunnel(const pv_TrustedCluster *t, struct companions *out, struct err *err)
{
	const pv_TrustedClusterSpec *spec = &t->spec;
	pv_Resource r = { .which_of = pv_Resource_reverse_tunnel_tag };
	pv_ReverseTunnelSpec *tunnel = &r.of.reverse_tunnel.spec;
	char key[RESOURCE_KEY_SIZE];
	int rc = resource_key(key, resource_kind_find("reverse_tunnel"), NULL, t->metadata.name,
	                      err);

	if (rc == 0 && !spec->enabled)
		return add_delete(key, out, err);
	resource_metadata(&r);
	r.of.reverse_tunnel.has_spec = true;
	if (rc == 0)
		rc = fields_set_str(&r.of.reverse_tunnel.metadata.name, t->metadata.name, err);
	if (rc == 0)
		rc = fields_set_str(&tunnel->cluster_name, t->metadata.name, err);
	if (rc == 0)
		rc = fields_add_str(&tunnel->dial_addrs, &tunnel->dial_addrs_count,
		                    str_empty(spec->tunnel_addr) ? spec->web_proxy_addr
		                                                 : spec->tunnel_addr,
		                    err);
	if (rc == 0)
		rc = resource_validate(&r, err);
	if (rc == 0)
		rc = companions_add_put(out, key, &pv_Resource_table, &r, 0, err);
	resource_deinit(&r);
	return rc;
}

static int place(const pv_TrustedCluster *t, const pv_CertAuthority authorities[2], bool is_new,
                 struct companions *out, struct err *err)
{
	for (int i = 0; i < 2; i++)
		if (place_one(&authorities[i], types[i], t, is_new, out, err) != 0)
			return err->code;
	return place_tunnel(t, out, err);
}

/* --- a new one ------------------------------------------------------------------------------- */

int trusted_check_new(struct authd *a, const pv_TrustedCluster *t, struct err *err)
{
	const char *name = t->metadata.name;
	pv_Resource r = pv_Resource_init_zero;
	struct err ignored;
	int rc;

	if (str_eq(name, a->conf.cluster_name))
		return err_set(err, ERR_INVALID,
		               "metadata.name: '%s' is our own cluster; it is the root's name that "
		               "is wanted",
		               name);
	rc = resource_load(a, resource_kind_find("remote_cluster"), NULL, name, &r, &ignored);
	resource_deinit(&r);
	if (rc == 0)
		return err_set(err, ERR_EXISTS, "cluster '%s' is a leaf of ours", name);
	return rc == ERR_NOT_FOUND ? 0 : err_copy(err, &ignored);
}

int trusted_of_create(const pv_TrustedCluster *t, const pv_CertAuthority *authorities,
                      struct companions *out, struct err *err)
{
	return place(t, authorities, true, out, err);
}

/* --- one that is there ----------------------------------------------------------------------- */

static int check_same(const char *field, const char *old, const char *now, struct err *err)
{
	if (str_eq(str_empty(old) ? "" : old, str_empty(now) ? "" : now))
		return 0;
	return err_set(err, ERR_INVALID,
	               "spec.%s: cannot change; remove the trusted_cluster and create it anew with "
	               "a new token",
	               field);
}

static int load_authority(struct authd *a, bool active, const char *type, const char *cluster,
                          pv_CertAuthority *out, struct err *err)
{
	struct keyspace_item item;
	char key[KEY_SIZE];
	pv_Resource r;
	int rc = authority_key(key, active, type, cluster, err);

	if (rc == 0)
		rc = keyspace_get(a->keyspace, key, &item, err);
	if (rc != 0)
		return rc;
	rc = resource_of_item(&item, &r, err);
	if (rc == 0)
		*out = r.of.cert_authority;
	keyspace_item_deinit(&item);
	return rc;
}

int trusted_of_update(struct authd *a, const pv_TrustedCluster *old, const pv_TrustedCluster *t,
                      struct companions *out, struct err *err)
{
	pv_CertAuthority all[2] = { pv_CertAuthority_init_zero, pv_CertAuthority_init_zero };
	int rc =
	        check_same("web_proxy_addr", old->spec.web_proxy_addr, t->spec.web_proxy_addr, err);

	if (rc == 0)
		rc = check_same("tunnel_addr", old->spec.tunnel_addr, t->spec.tunnel_addr, err);
	for (int i = 0; rc == 0 && i < 2; i++) {
		rc = load_authority(a, old->spec.enabled, types[i], t->metadata.name, &all[i], err);
		if (rc == ERR_NOT_FOUND)
			rc = err_set(err, ERR_CORRUPT,
			             "the authorities of '%s' are gone; remove the trusted_cluster "
			             "and create it anew with a new token",
			             t->metadata.name);
	}
	if (rc == 0)
		rc = place(t, all, false, out, err);
	fields_release(&pv_CertAuthority_table, &all[0]);
	fields_release(&pv_CertAuthority_table, &all[1]);
	return rc;
}

/* --- the end --------------------------------------------------------------------------------- */

int trusted_of_delete(const char *name, struct companions *out, struct err *err)
{
	char key[KEY_SIZE];

	for (int i = 0; i < 4; i++)
		if (authority_key(key, i < 2, types[i % 2], name, err) != 0 ||
		    add_delete(key, out, err) != 0)
			return err->code;
	if (resource_key(key, resource_kind_find("reverse_tunnel"), NULL, name, err) != 0)
		return err->code;
	return add_delete(key, out, err);
}

int trusted_forget_leaf(const char *name, struct companions *out, struct err *err)
{
	char key[KEY_SIZE];

	if (authority_key(key, true, "host", name, err) != 0)
		return err->code;
	return add_delete(key, out, err);
}

#include "authd/core/own.h"

#include "authd/authorities/authorities.h"
#include "authd/core/conf.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "model/identity.h"
#include "model/resource.h"
#include "store/keyspace.h"
#include "wire/fields.h"

#include "proto/identity.fields.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_ID      KEYSPACE_SECRETS "authd/id"
#define KEY_PRIVATE KEYSPACE_SECRETS "authd/key"

/* --- id and key ------------------------------------------------------------------------------ */

static int create(struct keyspace *ks, struct err *err)
{
	struct keyspace_op ops[2];
	char id[RAND_UUID_SIZE];
	struct key *key = NULL;
	struct buf der = { 0 };
	int rc = key_generate(&key, err);

	if (rc == 0)
		rc = key_append_der(key, &der, err);
	if (rc == 0) {
		rand_uuid(id);
		ops[0] = keyspace_op_create(KEY_ID, id, strlen(id), 0);
		ops[1] = keyspace_op_create(KEY_PRIVATE, der.data, der.len, 0);
		rc = keyspace_write_wait(ks, ops, 2, NULL, err);
	}
	key_unref(key);
	buf_wipe(&der);
	return rc;
}

static int load(struct own *own, struct keyspace *ks, struct err *err)
{
	struct keyspace_item id = { 0 };
	struct keyspace_item key = { 0 };
	int rc = keyspace_get(ks, KEY_ID, &id, err);

	if (rc == 0)
		rc = keyspace_get(ks, KEY_PRIVATE, &key, err);
	if (rc == 0 && !resource_is_uuid((const char *)id.value))
		rc = err_set(err, ERR_CORRUPT, "authd's own id is damaged");
	if (rc == 0)
		rc = key_load(key.value, key.len, &own->key, err);
	if (rc == 0)
		str_copy(own->id, sizeof(own->id), (const char *)id.value);
	keyspace_item_deinit(&id);
	keyspace_item_deinit(&key);
	return rc;
}

int own_open(struct own *own, struct keyspace *ks, struct err *err)
{
	int rc = load(own, ks, err);

	if (rc == ERR_NOT_FOUND) {
		rc = create(ks, err);
		if (rc == 0)
			rc = load(own, ks, err);
	}
	return rc == 0 ? 0 : err_wrap(err, "authd's own key");
}

void own_deinit(struct own *own)
{
	key_unref(own->key);
	*own = (struct own){ 0 };
}

/* --- the certificate ------------------------------------------------------------------------- */

/* Adds the host part of each "host:port"; what names no host ("", every address) adds nothing. */
static int add_addrs(struct strlist *hosts, const struct conf_list *addrs, struct err *err)
{
	for (size_t i = 0; i < addrs->count; i++) {
		struct conf_addr addr;
		int rc = conf_addr_parse(addrs->items[i], "3025", &addr, err);

		if (rc != 0)
			return rc;
		if (!str_empty(addr.host) && !str_eq(addr.host, "0.0.0.0") &&
		    !str_eq(addr.host, "::"))
			rc = strlist_add_new(hosts, addr.host, err);
		conf_addr_deinit(&addr);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int own_hosts(const struct authd_conf *conf, struct strlist *hosts, struct err *err)
{
	static const char *const always[] = { "authd", "localhost", "127.0.0.1", "::1" };
	char machine[256] = "";
	char *public = str_printf("auth.%s", conf->cluster_name);
	int rc = strlist_take(hosts, public, err);

	for (size_t i = 0; rc == 0 && i < sizeof(always) / sizeof(*always); i++)
		rc = strlist_add_new(hosts, always[i], err);
	if (rc == 0 && gethostname(machine, sizeof(machine) - 1) == 0 && machine[0] != 0)
		rc = strlist_add_new(hosts, machine, err);
	if (rc == 0)
		rc = add_addrs(hosts, &conf->listen, err);
	if (rc == 0)
		rc = add_addrs(hosts, &conf->public_addrs, err);
	return rc;
}

/* Borrows everything but what it allocates in `id`. */
static int own_identity(const struct own *own, const struct authd_conf *conf, pv_Identity *id,
                        int64_t not_after_ms, struct err *err)
{
	id->expires = not_after_ms;
	if (fields_set_str(&id->system_role, "Auth", err) != 0 ||
	    fields_set_str(&id->host_id, own->id, err) != 0)
		return err->code;
	return fields_set_str(&id->cluster, conf->cluster_name, err);
}

int own_issue(const struct own *own, const struct authd_conf *conf, const struct authority *host,
              int64_t now_ms, struct x509 **out, struct err *err)
{
	static const char *const roles[] = { "Auth" };
	pv_Identity id = pv_Identity_init_zero;
	struct strlist hosts = { 0 };
	struct buf identity = { 0 };
	char *name = NULL;
	struct x509_spec spec = {
		.subject_key = key_public(own->key),
		.organizations = roles,
		.organization_count = 1,
		.not_before_ms = now_ms - conf->backdate,
		.not_after_ms = now_ms + conf->host_cert_ttl,
		.usage = X509_SERVER | X509_CLIENT,
	};
	int rc = own_hosts(conf, &hosts, err);

	if (rc == 0)
		rc = own_identity(own, conf, &id, spec.not_after_ms, err);
	if (rc == 0)
		rc = identity_encode(&id, &identity, err);
	if (rc == 0) {
		name = identity_common_name(&id);
		rc = name != NULL ? 0 : err_set_nomem(err);
	}
	if (rc == 0) {
		spec.common_name = name;
		spec.hosts = (const char *const *)hosts.items;
		spec.host_count = hosts.count;
		spec.identity = identity.data;
		spec.identity_len = identity.len;
		rc = x509_issue(&spec, host->server.tls_cert, host->server.tls_key, out, err);
	}
	free(name);
	identity_deinit(&id);
	strlist_deinit(&hosts);
	buf_deinit(&identity);
	return rc == 0 ? 0 : err_wrap(err, "issue authd's own certificate");
}

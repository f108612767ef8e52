#include "model/trust.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/pin.h"
#include "crypto/sshkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/role_map.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

struct speaker {
	pv_CertAuthority ca;
	struct x509_set *keys;
	struct sshkey *ssh;
	size_t ssh_count;
};

struct trust {
	unsigned refs;
	char *cluster;
	struct x509_set *clients;
	struct speaker *speakers;
	pb_size_t count;
};

/* --- filling --------------------------------------------------------------------------------- */

int trust_new(const char *cluster, struct trust **out, struct err *err)
{
	struct trust *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_set_nomem(err);
	t->refs = 1;
	t->cluster = strdup(cluster);
	if (t->cluster == NULL || x509_set_new(&t->clients, err) != 0) {
		trust_unref(t);
		return err_set_nomem(err);
	}
	*out = t;
	return 0;
}

struct trust *trust_ref(struct trust *t)
{
	t->refs++;
	return t;
}

static void speaker_deinit(struct speaker *s)
{
	fields_release(&pv_CertAuthority_table, &s->ca);
	x509_set_unref(s->keys);
	while (s->ssh_count > 0)
		sshkey_deinit(&s->ssh[--s->ssh_count]);
	free(s->ssh);
}

void trust_unref(struct trust *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	while (t->count > 0)
		speaker_deinit(&t->speakers[--t->count]);
	free(t->speakers);
	x509_set_unref(t->clients);
	free(t->cluster);
	free(t);
}

static int add_tls_key(struct trust *t, struct speaker *s, const char *pem, struct err *err)
{
	struct x509 *ca;
	int rc;

	if (str_empty(pem))
		return 0;
	rc = x509_load(pem, strlen(pem), &ca, err);
	if (rc != 0)
		return rc;
	rc = x509_set_add(s->keys, ca, err);
	if (rc == 0)
		rc = x509_set_add(t->clients, ca, err);
	x509_unref(ca);
	return rc;
}

static int add_ssh_key(struct speaker *s, const char *line, struct err *err)
{
	struct sshkey key;
	struct err ignored;
	struct sshkey *more;

	if (str_empty(line) || sshkey_parse_line(line, &key, &ignored) != 0)
		return 0;
	more = realloc(s->ssh, (s->ssh_count + 1) * sizeof(*more));
	if (more == NULL) {
		sshkey_deinit(&key);
		return err_set_nomem(err);
	}
	s->ssh = more;
	s->ssh[s->ssh_count++] = key;
	return 0;
}

static int add_keys(struct trust *t, struct speaker *s, const pv_CaKeys *keys, struct err *err)
{
	for (pb_size_t i = 0; i < keys->tls_count; i++)
		if (add_tls_key(t, s, keys->tls[i].cert, err) != 0)
			return err->code;
	for (pb_size_t i = 0; i < keys->ssh_count; i++)
		if (add_ssh_key(s, keys->ssh[i].public_key, err) != 0)
			return err->code;
	return 0;
}

int trust_add(struct trust *t, const pv_CertAuthority *ca, struct err *err)
{
	struct speaker *s = fields_add(&t->speakers, &t->count, sizeof(*s), err);

	if (s == NULL || x509_set_new(&s->keys, err) != 0 ||
	    fields_clone(&pv_CertAuthority_table, ca, &s->ca, err) != 0 ||
	    add_keys(t, s, &ca->spec.active_keys, err) != 0)
		return err->code;
	return add_keys(t, s, &ca->spec.additional_trusted_keys, err);
}

/* --- asking ---------------------------------------------------------------------------------- */

static const struct speaker *find(const struct trust *t, const char *type, const char *cluster)
{
	for (pb_size_t i = 0; i < t->count; i++)
		if (str_eq(t->speakers[i].ca.spec.type, type) &&
		    str_eq(t->speakers[i].ca.spec.cluster_name, cluster))
			return &t->speakers[i];
	return NULL;
}

const struct x509_set *trust_clients(const struct trust *t)
{
	return t->clients;
}

const struct x509_set *trust_hosts(const struct trust *t, const char *cluster)
{
	const struct speaker *s = find(t, "host", cluster);

	return s != NULL ? s->keys : NULL;
}

const pv_CertAuthority *trust_authority(const struct trust *t, const char *type,
                                        const char *cluster)
{
	const struct speaker *s = find(t, type, cluster);

	return s != NULL ? &s->ca : NULL;
}

int trust_append_ssh_keys(const struct trust *t, const char *type, struct buf *out, struct err *err)
{
	for (pb_size_t i = 0; i < t->count; i++) {
		const struct speaker *s = &t->speakers[i];

		for (size_t k = 0; str_eq(s->ca.spec.type, type) && k < s->ssh_count; k++) {
			sshkey_append_line(&s->ssh[k], out);
			buf_append_byte(out, '\n');
		}
	}
	return buf_check(out, err);
}

bool trust_is_leaf(const struct trust *t, const char *cluster)
{
	return find(t, "host", cluster) != NULL && find(t, "user", cluster) == NULL;
}

const char *trust_cluster(const struct trust *t)
{
	return t->cluster;
}

bool trust_has_key(const struct trust *t, const char *type, const char *cluster,
                   const struct pin *key)
{
	const struct speaker *s = find(t, type, cluster);

	return s != NULL && x509_set_has(s->keys, key);
}

bool trust_has_ssh_key(const struct trust *t, const char *cluster, const struct sshkey *key)
{
	const struct speaker *s = find(t, "user", cluster);

	for (size_t i = 0; s != NULL && i < s->ssh_count; i++)
		if (s->ssh[i].blob_len == key->blob_len &&
		    memcmp(s->ssh[i].blob, key->blob, key->blob_len) == 0)
			return true;
	return false;
}

int trust_roles(const struct trust *t, const pv_Identity *id, struct strlist *out, struct err *err)
{
	const struct speaker *s = find(t, "user", id->cluster);

	if (s == NULL)
		return err_set(err, ERR_DENIED, "cluster '%s' is not trusted here", id->cluster);
	if (role_map_apply(s->ca.spec.role_map, s->ca.spec.role_map_count, id->remote_roles,
	                   id->remote_roles_count, out, err) == 0)
		return 0;
	return err_wrap(err, "'%s' of cluster '%s'", id->user, id->cluster);
}

int trust_identity_now(const struct trust *t, const pv_Identity *id, struct strlist *roles,
                       pv_Identity *out, struct err *err)
{
	*out = *id;
	if (str_eq(id->cluster, t->cluster))
		return 0;
	if (trust_roles(t, id, roles, err) != 0)
		return err->code;
	out->roles = roles->items;
	out->roles_count = (pb_size_t)roles->count;
	return 0;
}

#include "daemon/credentials.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "file/file.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_MAX    16384
#define ANSWER_FILE_MAX (1024 * 1024)
#define CHAIN_MAX       4

char *credentials_path(const struct credentials *c, const char *name,
                       char out[CREDENTIALS_PATH_MAX])
{
	snprintf(out, CREDENTIALS_PATH_MAX, "%s/%s", c->dir, name);
	return out;
}

/* --- keys ------------------------------------------------------------------------------------ */

static int make_key(const char *path, struct key **out, struct err *err)
{
	struct buf pem = { 0 };
	struct key *key = NULL;
	int rc;

	rc = key_generate(&key, err);
	if (rc == 0)
		rc = key_append_pem(key, &pem, err);
	if (rc == 0)
		rc = file_replace(path, pem.data, pem.len, 0600, err);
	if (rc == 0)
		*out = key;
	else
		key_unref(key);
	buf_wipe(&pem);
	return rc;
}

static int open_key(const struct credentials *c, const char *name, struct key **out,
                    struct err *err)
{
	char path[CREDENTIALS_PATH_MAX];
	struct buf pem = { 0 };
	int rc;

	rc = file_read(credentials_path(c, name, path), KEY_FILE_MAX, &pem, err);
	if (rc == ERR_NOT_FOUND)
		rc = make_key(path, out, err);
	else if (rc == 0 && key_load(pem.data, pem.len, out, err) != 0)
		rc = err_wrap(err, "read key '%s'", path);
	buf_wipe(&pem);
	return rc;
}

/* --- an answer of authd, as objects ---------------------------------------------------------- */

/* What an answer turns into; moved into the credentials once all of it stands. */
struct parts {
	struct x509 **chain;
	size_t chain_len;
	struct x509_set *host_cas;
	struct x509_set *all_cas;
};

static void parts_deinit(struct parts *p)
{
	x509_unref_all(p->chain, p->chain_len);
	x509_set_unref(p->host_cas);
	x509_set_unref(p->all_cas);
	*p = (struct parts){ 0 };
}

static int add_tls_keys(struct x509_set *set, const pv_CaKeys *keys, struct err *err)
{
	for (pb_size_t i = 0; i < keys->tls_count; i++) {
		const char *pem = keys->tls[i].cert;
		struct x509 *ca = NULL;
		int rc;

		if (str_empty(pem))
			continue;
		rc = x509_load(pem, strlen(pem), &ca, err);
		if (rc == 0)
			rc = x509_set_add(set, ca, err);
		x509_unref(ca);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int add_authority(struct x509_set *set, const pv_CertAuthority *ca, struct err *err)
{
	if (add_tls_keys(set, &ca->spec.active_keys, err) != 0)
		return err->code;
	return add_tls_keys(set, &ca->spec.additional_trusted_keys, err);
}

static int make_sets(struct parts *p, const pv_JoinResponse *a, struct err *err)
{
	int rc = x509_set_new(&p->host_cas, err);

	if (rc == 0)
		rc = x509_set_new(&p->all_cas, err);
	for (pb_size_t i = 0; rc == 0 && i < a->authorities_count; i++) {
		const pv_CertAuthority *ca = &a->authorities[i];

		rc = add_authority(p->all_cas, ca, err);
		if (rc == 0 && str_eq(ca->spec.type, "host"))
			rc = add_authority(p->host_cas, ca, err);
	}
	if (rc == 0 && x509_set_count(p->host_cas) == 0)
		rc = err_set(err, ERR_INVALID, "no host authority among those of the cluster");
	return rc;
}

/* The authority's certificate with this key; the caller's to x509_unref(). */
static int find_ca(const pv_JoinResponse *a, const struct pin *pin, struct x509 **out,
                   struct err *err)
{
	for (pb_size_t i = 0; i < a->authorities_count; i++) {
		const pv_CaKeys *keys = &a->authorities[i].spec.active_keys;

		for (pb_size_t k = 0; k < keys->tls_count; k++) {
			const char *pem = keys->tls[k].cert;

			if (str_empty(pem) || x509_load(pem, strlen(pem), out, err) != 0)
				continue;
			if (pin_equal(&x509_info(*out)->pin, pin))
				return 0;
			x509_unref(*out);
		}
	}
	return err_set(err, ERR_INVALID, "our certificate's authority is not an active one");
}

/* The chain that we show: who knows us by the authority's pin needs the authority in it. */
static int append_ca(struct parts *p, const pv_JoinResponse *a, struct err *err)
{
	struct x509 **longer;
	struct x509 *ca;
	struct pin pin;

	if (x509_set_verify(p->host_cas, p->chain[0], NULL, 0,
	                    x509_info(p->chain[0])->not_after_ms - 1000, &pin, err) != 0 ||
	    find_ca(a, &pin, &ca, err) != 0)
		return err->code;
	longer = realloc(p->chain, 2 * sizeof(*longer));
	if (longer == NULL) {
		x509_unref(ca);
		return err_set_nomem(err);
	}
	longer[1] = ca;
	p->chain = longer;
	p->chain_len = 2;
	return 0;
}

static int make_chain(struct parts *p, const struct credentials *c, const pv_JoinResponse *a,
                      struct err *err)
{
	const char *pem = a->tls_certificate != NULL ? a->tls_certificate : "";
	int rc = x509_load_all(pem, strlen(pem), CHAIN_MAX, &p->chain, &p->chain_len, err);

	if (rc != 0)
		return err_wrap(err, "read our certificate");
	if (!pubkey_equal(x509_public(p->chain[0]), key_public(c->tls_key)))
		return err_set(err, ERR_INVALID, "our certificate is for another key");
	return p->chain_len > 1 ? 0 : append_ca(p, a, err);
}

static int parts_make(struct parts *p, const struct credentials *c, const pv_JoinResponse *a,
                      struct err *err)
{
	int rc;

	*p = (struct parts){ 0 };
	rc = make_sets(p, a, err);
	if (rc == 0)
		rc = make_chain(p, c, a, err);
	if (rc != 0)
		parts_deinit(p);
	return rc;
}

/* Moves both in; what was there goes. */
static void adopt(struct credentials *c, pv_JoinResponse *take_answer, struct parts *take_parts)
{
	struct parts old = { c->chain, c->chain_len, c->host_cas, c->all_cas };

	if (c->joined) {
		parts_deinit(&old);
		fields_release(&pv_JoinResponse_table, &c->answer);
	}
	c->answer = *take_answer;
	c->chain = take_parts->chain;
	c->chain_len = take_parts->chain_len;
	c->host_cas = take_parts->host_cas;
	c->all_cas = take_parts->all_cas;
	c->not_before_ms = x509_info(c->chain[0])->not_before_ms;
	c->not_after_ms = x509_info(c->chain[0])->not_after_ms;
	c->joined = true;
}

/* --- files ----------------------------------------------------------------------------------- */

static int load_answer(struct credentials *c, struct err *err)
{
	char path[CREDENTIALS_PATH_MAX];
	pv_JoinResponse answer;
	struct buf bytes = { 0 };
	struct parts parts;
	int rc;

	rc = file_read(credentials_path(c, "credentials", path), ANSWER_FILE_MAX, &bytes, err);
	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc == 0)
		rc = fields_decode(&pv_JoinResponse_table, bytes.data, bytes.len, &answer, err);
	buf_deinit(&bytes);
	if (rc != 0)
		return err_wrap(err, "read '%s'", path);
	rc = parts_make(&parts, c, &answer, err);
	if (rc == 0) {
		adopt(c, &answer, &parts);
		return 0;
	}
	fields_release(&pv_JoinResponse_table, &answer);
	err->code = ERR_CORRUPT;
	return err_wrap(err, "read '%s'", path);
}

int credentials_open(struct credentials *c, const char *dir, struct err *err)
{
	int rc;

	*c = (struct credentials){ .dir = strdup(dir) };
	if (c->dir == NULL)
		return err_set_nomem(err);
	rc = strlen(dir) + 64 > CREDENTIALS_PATH_MAX
	             ? err_set(err, ERR_INVALID, "path '%.64s...' is too long", dir)
	             : file_make_dir(dir, 0700, err);
	if (rc == 0)
		rc = open_key(c, "tls.key", &c->tls_key, err);
	if (rc == 0)
		rc = open_key(c, "ssh_host_key", &c->ssh_key, err);
	if (rc == 0)
		rc = load_answer(c, err);
	if (rc != 0)
		credentials_deinit(c);
	return rc;
}

void credentials_deinit(struct credentials *c)
{
	struct parts parts = { c->chain, c->chain_len, c->host_cas, c->all_cas };

	if (c->joined) {
		parts_deinit(&parts);
		fields_release(&pv_JoinResponse_table, &c->answer);
	}
	key_unref(c->tls_key);
	key_unref(c->ssh_key);
	free(c->dir);
	*c = (struct credentials){ 0 };
}

static int write_answer(const struct credentials *c, const pv_JoinResponse *a, struct err *err)
{
	char path[CREDENTIALS_PATH_MAX];
	struct buf bytes = { 0 };
	int rc;

	rc = fields_encode(&pv_JoinResponse_table, a, &bytes, err);
	if (rc == 0)
		rc = file_replace(credentials_path(c, "credentials", path), bytes.data, bytes.len,
		                  0600, err);
	buf_clear(&bytes);
	if (rc == 0 && !str_empty(a->ssh_certificate)) {
		buf_appendf(&bytes, "%s\n", a->ssh_certificate);
		rc = buf_check(&bytes, err);
		if (rc == 0)
			rc = file_replace(credentials_path(c, "ssh_host_key-cert.pub", path),
			                  bytes.data, bytes.len, 0644, err);
	}
	buf_deinit(&bytes);
	return rc;
}

int credentials_store(struct credentials *c, const pv_JoinResponse *answer, struct err *err)
{
	pv_JoinResponse copy;
	struct parts parts;
	int rc;

	rc = fields_clone(&pv_JoinResponse_table, answer, &copy, err);
	if (rc != 0)
		return rc;
	rc = parts_make(&parts, c, &copy, err);
	if (rc == 0) {
		rc = write_answer(c, &copy, err);
		if (rc != 0)
			parts_deinit(&parts);
	}
	if (rc != 0) {
		fields_release(&pv_JoinResponse_table, &copy);
		return rc;
	}
	adopt(c, &copy, &parts);
	return 0;
}

/* --- authorities ----------------------------------------------------------------------------- */

static pv_CertAuthority *find_authority(pv_JoinResponse *a, const pv_CertAuthority *like)
{
	for (pb_size_t i = 0; i < a->authorities_count; i++)
		if (str_eq(a->authorities[i].spec.type, like->spec.type) &&
		    str_eq(a->authorities[i].spec.cluster_name, like->spec.cluster_name))
			return &a->authorities[i];
	return NULL;
}

int credentials_store_authority(struct credentials *c, const pv_CertAuthority *ca, struct err *err)
{
	pv_JoinResponse changed;
	pv_CertAuthority *at;
	int rc;

	at = find_authority(&c->answer, ca);
	if (at != NULL && fields_equal(&pv_CertAuthority_table, at, ca))
		return 0;
	rc = fields_clone(&pv_JoinResponse_table, &c->answer, &changed, err);
	if (rc != 0)
		return rc;
	at = find_authority(&changed, ca);
	if (at != NULL)
		fields_release(&pv_CertAuthority_table, at);
	else
		at = fields_add(&changed.authorities, &changed.authorities_count, sizeof(*at), err);
	rc = at != NULL ? fields_clone(&pv_CertAuthority_table, ca, at, err) : err->code;
	if (rc == 0)
		rc = credentials_store(c, &changed, err);
	fields_release(&pv_JoinResponse_table, &changed);
	return rc;
}

static void append_ssh_keys(const pv_CaKeys *keys, struct buf *out)
{
	for (pb_size_t i = 0; i < keys->ssh_count; i++)
		if (!str_empty(keys->ssh[i].public_key))
			buf_appendf(out, "%s\n", keys->ssh[i].public_key);
}

int credentials_append_ssh_cas(const struct credentials *c, const char *type, struct buf *out,
                               struct err *err)
{
	for (pb_size_t i = 0; i < c->answer.authorities_count; i++) {
		const pv_CertAuthority *ca = &c->answer.authorities[i];

		if (!str_eq(ca->spec.type, type))
			continue;
		append_ssh_keys(&ca->spec.active_keys, out);
		append_ssh_keys(&ca->spec.additional_trusted_keys, out);
	}
	return buf_check(out, err);
}

int credentials_public_keys(const struct credentials *c, char **out_ssh, char **out_tls,
                            struct err *err)
{
	struct sshkey ssh = { 0 };
	struct buf line = { 0 };
	struct buf pem = { 0 };
	size_t len;
	int rc;

	rc = sshkey_from_pubkey(key_public(c->ssh_key), "", &ssh, err);
	if (rc != 0)
		return rc;
	sshkey_append_line(&ssh, &line);
	sshkey_deinit(&ssh);
	pubkey_append_pem(key_public(c->tls_key), &pem);
	rc = buf_check(&line, err);
	if (rc == 0)
		rc = buf_check(&pem, err);
	if (rc == 0) {
		*out_ssh = (char *)buf_take(&line, &len);
		*out_tls = (char *)buf_take(&pem, &len);
	}
	buf_deinit(&line);
	buf_deinit(&pem);
	return rc;
}

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

/* --- an answer of authd ---------------------------------------------------------------------- */

/* Moves both in; what was there goes. */
static void adopt(struct credentials *c, pv_JoinResponse *take_answer,
                  struct credentials_parts *take_parts)
{
	if (c->joined) {
		credentials_parts_deinit(&c->parts);
		fields_release(&pv_JoinResponse_table, &c->answer);
	}
	c->answer = *take_answer;
	c->parts = *take_parts;
	c->not_before_ms = x509_info(c->parts.chain[0])->not_before_ms;
	c->not_after_ms = x509_info(c->parts.chain[0])->not_after_ms;
	c->joined = true;
}

/* --- files ----------------------------------------------------------------------------------- */

static int load_answer(struct credentials *c, struct err *err)
{
	char path[CREDENTIALS_PATH_MAX];
	pv_JoinResponse answer;
	struct buf bytes = { 0 };
	struct credentials_parts parts;
	int rc;

	rc = file_read(credentials_path(c, "credentials", path), ANSWER_FILE_MAX, &bytes, err);
	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc == 0)
		rc = fields_decode(&pv_JoinResponse_table, bytes.data, bytes.len, &answer, err);
	buf_deinit(&bytes);
	if (rc != 0)
		return err_wrap(err, "read '%s'", path);
	rc = credentials_parts_make(&parts, &answer, key_public(c->tls_key), err);
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
	if (c->joined) {
		credentials_parts_deinit(&c->parts);
		fields_release(&pv_JoinResponse_table, &c->answer);
	}
	key_unref(c->tls_key);
	key_unref(c->ssh_key);
	free(c->dir);
	*c = (struct credentials){ 0 };
}

/* The place of the authority of the same type and cluster; their number when there is none. */
static pb_size_t find_authority(const pv_JoinResponse *a, const pv_CertAuthority *like)
{
	pb_size_t i = 0;

	while (i < a->authorities_count &&
	       !(str_eq(a->authorities[i].spec.type, like->spec.type) &&
	         str_eq(a->authorities[i].spec.cluster_name, like->spec.cluster_name)))
		i++;
	return i;
}

static bool is_foreign(const pv_JoinResponse *a, const pv_CertAuthority *ca)
{
	return !str_eq(a->cluster_name, ca->spec.cluster_name);
}

static void remove_authority(pv_JoinResponse *a, pb_size_t i)
{
	fields_release(&pv_CertAuthority_table, &a->authorities[i]);
	a->authorities[i] = a->authorities[--a->authorities_count];
}

/* Of the keyspace's write; 0 when it is not known. */
static int64_t revision_of(const pv_CertAuthority *ca)
{
	const char *text = ca->metadata.revision != NULL ? ca->metadata.revision : "";
	struct err ignored;
	int64_t revision;

	return str_to_i64(text, 0, INT64_MAX, &revision, &ignored) == 0 ? revision : 0;
}

static int encode_answer(const pv_JoinResponse *a, struct buf *out, struct err *err)
{
	pv_JoinResponse ours;
	int rc = fields_clone(&pv_JoinResponse_table, a, &ours, err);

	if (rc != 0)
		return rc;
	for (pb_size_t i = ours.authorities_count; i > 0; i--)
		if (is_foreign(&ours, &ours.authorities[i - 1]))
			remove_authority(&ours, i - 1);
	rc = fields_encode(&pv_JoinResponse_table, &ours, out, err);
	fields_release(&pv_JoinResponse_table, &ours);
	return rc;
}

static int write_answer(const struct credentials *c, const pv_JoinResponse *a, struct err *err)
{
	char path[CREDENTIALS_PATH_MAX];
	struct buf bytes = { 0 };
	int rc;

	rc = encode_answer(a, &bytes, err);
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

/* `take_answer` is ours in any case. */
static int store(struct credentials *c, pv_JoinResponse *take_answer, bool fresh, struct err *err)
{
	struct credentials_parts parts;
	int rc = credentials_parts_make(&parts, take_answer, key_public(c->tls_key), err);

	if (rc == 0 && fresh && !parts.trusted)
		rc = err_set(err, ERR_INVALID,
		             "our certificate is not signed by the cluster's host authority");
	if (rc == 0)
		rc = write_answer(c, take_answer, err);
	if (rc == 0)
		adopt(c, take_answer, &parts);
	else
		fields_release(&pv_JoinResponse_table, take_answer);
	if (rc != 0)
		credentials_parts_deinit(&parts);
	return rc;
}

static int add_authority(pv_JoinResponse *to, const pv_CertAuthority *ca, struct err *err)
{
	pv_CertAuthority *at =
	        fields_add(&to->authorities, &to->authorities_count, sizeof(*at), err);

	return at != NULL ? fields_clone(&pv_CertAuthority_table, ca, at, err) : err->code;
}

/* Such an answer brings our own cluster's only. */
static int keep_foreign(const struct credentials *c, pv_JoinResponse *answer, struct err *err)
{
	for (pb_size_t i = 0; c->joined && i < c->answer.authorities_count; i++)
		if (is_foreign(&c->answer, &c->answer.authorities[i]) &&
		    add_authority(answer, &c->answer.authorities[i], err) != 0)
			return err->code;
	return 0;
}

/* The watch may have brought an authority before the answer to a call that was made earlier. */
static int keep_newer(const struct credentials *c, pv_JoinResponse *answer, struct err *err)
{
	for (pb_size_t i = 0; c->joined && i < answer->authorities_count; i++) {
		pv_CertAuthority *to = &answer->authorities[i];
		pb_size_t at = find_authority(&c->answer, to);
		const pv_CertAuthority *had = &c->answer.authorities[at];

		if (at == c->answer.authorities_count || revision_of(had) <= revision_of(to))
			continue;
		fields_release(&pv_CertAuthority_table, to);
		if (fields_clone(&pv_CertAuthority_table, had, to, err) != 0)
			return err->code;
	}
	return 0;
}

int credentials_store(struct credentials *c, const pv_JoinResponse *answer, struct err *err)
{
	pv_JoinResponse copy;

	if (fields_clone(&pv_JoinResponse_table, answer, &copy, err) != 0)
		return err->code;
	if (keep_newer(c, &copy, err) == 0 && keep_foreign(c, &copy, err) == 0)
		return store(c, &copy, true, err);
	fields_release(&pv_JoinResponse_table, &copy);
	return err->code;
}

/* --- authorities ----------------------------------------------------------------------------- */

static bool is_news(const pv_CertAuthority *had, const pv_CertAuthority *ca)
{
	return revision_of(had) <= revision_of(ca) &&
	       !fields_equal(&pv_CertAuthoritySpec_table, &had->spec, &ca->spec);
}

int credentials_store_authority(struct credentials *c, const pv_CertAuthority *ca, struct err *err)
{
	pb_size_t i = find_authority(&c->answer, ca);
	bool known = i < c->answer.authorities_count;
	pv_JoinResponse changed;
	int rc;

	if (known && !is_news(&c->answer.authorities[i], ca))
		return 0;
	if (fields_clone(&pv_JoinResponse_table, &c->answer, &changed, err) != 0)
		return err->code;
	if (known)
		remove_authority(&changed, i);
	rc = add_authority(&changed, ca, err);
	if (rc == 0)
		return store(c, &changed, false, err);
	fields_release(&pv_JoinResponse_table, &changed);
	return rc;
}

int credentials_drop_authority(struct credentials *c, const char *type, const char *cluster,
                               struct err *err)
{
	pv_CertAuthority like = { .spec.type = (char *)(uintptr_t)type,
		                  .spec.cluster_name = (char *)(uintptr_t)cluster };
	pb_size_t i = find_authority(&c->answer, &like);
	pv_JoinResponse changed;

	if (i == c->answer.authorities_count || !is_foreign(&c->answer, &like))
		return 0;
	if (fields_clone(&pv_JoinResponse_table, &c->answer, &changed, err) != 0)
		return err->code;
	remove_authority(&changed, i);
	return store(c, &changed, false, err);
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

/* tctl auth - export, sign. */
#include "tctl/api.h"
#include "tctl/authority_text.h"
#include "tctl/cmd.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "file/file.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

/* --- export ---------------------------------------------------------------------------------- */

struct export_walk {
	const struct authority_type *type; /* NULL: the SSH forms of both */
	struct buf text;
};

static int add_authority(void *arg, const pv_Resource *r, struct err *err)
{
	const pv_CertAuthoritySpec *ca = &r->of.cert_authority.spec;
	struct export_walk *walk = arg;
	const struct authority_type *type = walk->type;

	if (r->which_of != pv_Resource_cert_authority_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no authority");
	if (type == NULL && authority_type_find(ca->type, &type, err) != 0)
		return err->code;
	return str_eq(type->ca, ca->type) ? authority_text(type, ca, &walk->text, err) : 0;
}

int cmd_auth_export(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"cert_authority" };
	const char *type = NULL;
	const struct args_option options[] = {
		{ "type", 0, ARGS_TEXT, &type },
		{ 0 },
	};
	struct export_walk walk = { 0 };
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0 && type != NULL)
		rc = authority_type_find(type, &walk.type, err);
	if (rc == 0)
		rc = api_list(t, &query, add_authority, &walk, err);
	if (rc == 0)
		fputs(buf_str(&walk.text), t->out);
	buf_deinit(&walk.text);
	return rc;
}

/* --- sign ------------------------------------------------------------------------------------ */

static int public_halves(const struct key *key, struct buf *ssh, struct buf *tls, struct err *err)
{
	struct sshkey public;
	int rc = sshkey_from_pubkey(key_public(key), "", &public, err);

	if (rc != 0)
		return rc;
	sshkey_append_line(&public, ssh);
	sshkey_deinit(&public);
	pubkey_append_pem(key_public(key), tls);
	rc = buf_check(ssh, err);
	return rc == 0 ? buf_check(tls, err) : rc;
}

/* Key, certificates, then whom to trust: the hosts' authorities (tctl/identity.h). */
static int identity_text(const struct key *key, const pv_LoginResponse *answer, struct buf *out,
                         struct err *err)
{
	int rc = key_append_pem(key, out, err);

	if (rc == 0 && (str_empty(answer->tls_certificate) || str_empty(answer->ssh_certificate)))
		rc = err_set(err, ERR_CORRUPT, "authd sent no certificates");
	if (rc != 0)
		return rc;
	buf_appendf(out, "%s\n%s\n", answer->ssh_certificate, answer->tls_certificate);
	for (size_t i = 0; i < answer->authorities_count; i++) {
		const pv_CertAuthoritySpec *ca = &answer->authorities[i].spec;

		for (size_t k = 0; str_eq(ca->type, "host") && k < ca->active_keys.tls_count; k++)
			buf_appendf(out, "%s\n", ca->active_keys.tls[k].cert);
	}
	return buf_check(out, err);
}

/* The key is made here and its private half goes nowhere but into the file. */
static int sign(struct tctl *t, const char *user, int64_t ttl, const char *file, struct err *err)
{
	pv_IssueUserCertificateRequest request = { .user = (char *)user, .ttl = ttl };
	pv_LoginResponse answer = { 0 };
	struct key *key = NULL;
	struct buf ssh = { 0 }, tls = { 0 }, text = { 0 };
	int rc = key_generate(&key, err);

	if (rc == 0)
		rc = public_halves(key, &ssh, &tls, err);
	request.ssh_public_key = (char *)ssh.data;
	request.tls_public_key = (char *)tls.data;
	if (rc == 0)
		rc = api_call(t, AUTH_ISSUE_USER_CERTIFICATE, &request, &answer, err);
	if (rc == 0)
		rc = identity_text(key, &answer, &text, err);
	if (rc == 0)
		rc = file_replace(file, text.data, text.len, 0600, err);
	if (rc == 0)
		fprintf(t->out, "The credentials have been written to '%s'.\n", file);
	fields_release(&pv_LoginResponse_table, &answer);
	key_unref(key);
	buf_deinit(&ssh);
	buf_deinit(&tls);
	buf_wipe(&text);
	return rc;
}

int cmd_auth_sign(struct tctl *t, int argc, char **argv, struct err *err)
{
	const char *user = NULL;
	const char *file = NULL;
	const char *ttl_text = NULL;
	const struct args_option options[] = {
		{ "user", 0, ARGS_TEXT, &user },
		{ "out", 'o', ARGS_TEXT, &file },
		{ "ttl", 0, ARGS_TEXT, &ttl_text },
		{ 0 },
	};
	int64_t ttl;
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl_text, &ttl, err);
	if (rc == 0 && (user == NULL || file == NULL))
		rc = err_set(err, ERR_INVALID, "for whom, and where to? (--user=NAME --out=FILE)");
	if (rc == 0 && sign(t, user, ttl, file, err) != 0)
		rc = err_wrap(err, "sign for user '%s'", user);
	return rc;
}

/* tctl auth sign - a key and its certificates for a user, in files: for automation. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/credentials.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

struct sign {
	const char *user;
	const char *file;
	const char *proxy;
	const char *kube_cluster;
	const struct credentials_format *format;
	bool overwrite;
	int64_t ttl;
};

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

static int certify(struct tctl *t, const struct sign *s, const struct key *key,
                   pv_LoginResponse *out, struct err *err)
{
	pv_IssueUserCertificateRequest request = { .user = (char *)s->user, .ttl = s->ttl };
	struct buf ssh = { 0 }, tls = { 0 };
	int rc = public_halves(key, &ssh, &tls, err);

	request.ssh_public_key = (char *)ssh.data;
	request.tls_public_key = (char *)tls.data;
	if (rc == 0)
		rc = api_call(t, AUTH_ISSUE_USER_CERTIFICATE, &request, out, err);
	if (rc == 0 && (str_empty(out->tls_certificate) || str_empty(out->ssh_certificate))) {
		fields_release(&pv_LoginResponse_table, out);
		rc = err_set(err, ERR_CORRUPT, "authd sent no certificates");
	}
	buf_deinit(&ssh);
	buf_deinit(&tls);
	return rc;
}

/* The key is made here and its private half goes nowhere but into the file. */
static int sign(struct tctl *t, const struct sign *s, struct err *err)
{
	pv_LoginResponse answer;
	struct credentials c = { .answer = &answer,
		                 .proxy = s->proxy,
		                 .kube_cluster = s->kube_cluster };
	struct key *key = NULL;
	int rc = s->overwrite ? 0 : credentials_check_free(s->format, s->file, err);

	if (rc == 0)
		rc = key_generate(&key, err);
	if (rc == 0)
		rc = certify(t, s, key, &answer, err);
	if (rc == 0) {
		c.key = key;
		rc = s->format->write(&c, s->file, err);
		fields_release(&pv_LoginResponse_table, &answer);
	}
	key_unref(key);
	return rc;
}

static int check(const struct sign *s, struct err *err)
{
	if (s->user == NULL || s->file == NULL)
		return err_set(err, ERR_INVALID,
		               "for whom, and where to? (--user=NAME --out=FILE)");
	if (s->format->needs_proxy && s->proxy == NULL)
		return err_set(err, ERR_INVALID,
		               "which proxy is kubectl to call? (--proxy=HOST:PORT)");
	return 0;
}

static void tell(struct tctl *t, const struct sign *s)
{
	fputs("The credentials have been written to", t->out);
	for (const char *const *at = s->format->suffixes; *at != NULL; at++)
		fprintf(t->out, "%s '%s%s'", at != s->format->suffixes ? "," : "", s->file, *at);
	fputs(".\n", t->out);
}

int cmd_auth_sign(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct sign s = { 0 };
	const char *ttl = NULL;
	const struct args_option options[] = {
		{ "user", 0, ARGS_TEXT, &s.user },
		{ "out", 'o', ARGS_TEXT, &s.file },
		{ "kube-cluster", 0, ARGS_TEXT, &s.kube_cluster },
		{ "proxy", 0, ARGS_TEXT, &s.proxy },
		{ "overwrite", 0, ARGS_FLAG, &s.overwrite },
		{ "ttl", 0, ARGS_TEXT, &ttl },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl, &s.ttl, err);
	if (rc == 0)
		rc = credentials_format_find(t->format, &s.format, err);
	if (rc == 0)
		rc = check(&s, err);
	if (rc == 0 && sign(t, &s, err) != 0)
		rc = err_wrap(err, "sign for user '%s'", s.user);
	if (rc == 0)
		tell(t, &s);
	return rc;
}

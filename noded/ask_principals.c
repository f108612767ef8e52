#include "noded/ask_principals.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/base64.h"
#include "crypto/sshcert.h"
#include "ipc/packet.h"
#include "model/identity.h"
#include "noded/conn.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/report.h"

#include <string.h>

#define CERTIFICATE_MAX 65536

static int read_certificate(const char *text, struct sshcert *out, struct err *err)
{
	struct buf blob = { .max = CERTIFICATE_MAX };
	int rc = base64_decode(text, strlen(text), &blob, err);

	if (rc == 0)
		rc = sshcert_parse_blob(blob.data, blob.len, out, err);
	buf_deinit(&blob);
	return rc;
}

/*
 * sshd has checked the signature, the authority (one of ours, in the file that we wrote), the time
 * and the critical options before it asks, so only what it cannot judge is judged here.
 */
static int identify(const struct sshcert *cert, const char *login, pv_Identity *out,
                    struct err *err)
{
	const char *text = sshcert_extension(cert, IDENTITY_SSH_EXTENSION);

	if (cert->type != SSHCERT_USER)
		return err_set(err, ERR_UNAUTHENTICATED, "not a person's certificate");
	if (text == NULL)
		return err_set(err, ERR_UNAUTHENTICATED, "certificate of '%s' has no identity",
		               cert->key_id);
	if (!str_in(login, cert->principals, cert->principal_count))
		return err_set(err, ERR_DENIED, "certificate of '%s' is not for login '%s'",
		               cert->key_id, login);
	return identity_decode_ssh(out, text, strlen(text), err);
}

static int decide(struct conn *c, pv_Identity *identity, const char *login, struct packet *out,
                  struct err *err)
{
	const struct policy_subject who = { identity, login, c->client };
	struct role_set *roles;
	struct buf line = { 0 };
	int rc;

	/* A connection belongs to the one who has proven to be it. */
	if (c->state == CONN_PROVEN)
		return err_set(err, ERR_DENIED, "connection is authenticated already");
	rc = policy_check(c->n, &who, &roles, err);
	if (rc != 0)
		return rc;
	policy_append_line(roles, login, &line);
	role_set_unref(roles);
	rc = buf_check(&line, err);
	if (rc == 0)
		rc = conn_set_candidate(c, identity, login, err);
	if (rc == 0)
		packet_add(out, "line", buf_str(&line));
	buf_deinit(&line);
	return rc;
}

int ask_principals(struct noded *n, const char *data, size_t len, struct packet *out,
                   struct err *err)
{
	const char *id = packet_get(data, len, "conn");
	const char *login = packet_get(data, len, "login");
	const char *certificate = packet_get(data, len, "certificate");
	struct conn *c = id != NULL ? conn_find(n, id) : NULL;
	pv_Identity identity = pv_Identity_init_zero;
	struct sshcert cert;
	int rc;

	if (c == NULL || login == NULL || certificate == NULL) {
		log_warn("login refused", kv("conn", id), kv("reason", "no such connection"));
		return err_set(err, ERR_INVALID, "no such connection");
	}
	rc = read_certificate(certificate, &cert, err);
	if (rc != 0)
		return rc;
	rc = identify(&cert, login, &identity, err);
	if (rc == 0)
		rc = decide(c, &identity, login, out, err);
	if (rc != 0) {
		log_info("login refused", kv("user", cert.key_id), kv("login", login),
		         kv("client", c->client), kv("reason", err->msg));
		report_refusal(n, cert.key_id, login, c->client, err->msg);
	}
	identity_deinit(&identity);
	sshcert_deinit(&cert);
	return rc;
}

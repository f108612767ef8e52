#include "noded/ask_principals.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/base64.h"
#include "crypto/sshcert.h"
#include "daemon/host.h"
#include "ipc/packet.h"
#include "model/role_map.h"
#include "model/trust.h"
#include "noded/conn.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/report.h"

#include <stdlib.h>
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
 * sshd has checked the signature (by an authority in the file that we wrote), the time and the
 * critical options before it asks, so only what it cannot judge is judged here.
 */
static int identify(const struct conn *c, const struct sshcert *cert, const char *login,
                    struct peer *out, struct err *err)
{
	const struct noded *n = c->n;
	int rc = trust_ssh_peer(host_trust(n->host), cert, c->client, clock_wall_ms(n->clock), out,
	                        err);

	if (rc == 0 && !str_in(login, cert->principals, cert->principal_count))
		rc = err_set(err, ERR_DENIED, "certificate of '%s' is not for login '%s'",
		             cert->key_id, login);
	return rc;
}

/* Whom a refusal concerns: another cluster's people have names of their own here, refused or not.
 * NULL when memory runs out. */
static char *name_of(const struct noded *n, const struct sshcert *cert)
{
	const char *text = sshcert_extension(cert, IDENTITY_SSH_EXTENSION);
	pv_Identity id = pv_Identity_init_zero;
	struct err ignored;
	char *name;

	if (text == NULL || identity_decode_ssh(&id, text, strlen(text), &ignored) != 0 ||
	    str_eq(id.cluster, host_cluster(n->host)))
		name = strdup(cert->key_id);
	else
		name = role_map_user(cert->key_id, id.cluster);
	identity_deinit(&id);
	return name;
}

static void refuse(struct noded *n, const struct conn *c, const struct sshcert *cert,
                   const char *login, const struct err *why)
{
	char *user = name_of(n, cert);

	log_info("login refused", kv("user", user), kv("login", login), kv("client", c->client),
	         kv("reason", why->msg));
	report_refusal(n, user != NULL ? user : cert->key_id, login, c->client, why->msg);
	free(user);
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
	struct peer peer = { 0 };
	struct sshcert cert;
	int rc;

	if (c == NULL || login == NULL || certificate == NULL) {
		log_warn("login refused", kv("conn", id), kv("reason", "no such connection"));
		return err_set(err, ERR_INVALID, "no such connection");
	}
	rc = read_certificate(certificate, &cert, err);
	if (rc != 0)
		return rc;
	rc = identify(c, &cert, login, &peer, err);
	if (rc == 0)
		rc = decide(c, &peer.identity, login, out, err);
	if (rc != 0)
		refuse(n, c, &cert, login, err);
	peer_deinit(&peer);
	sshcert_deinit(&cert);
	return rc;
}

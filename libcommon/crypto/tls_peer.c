#include "crypto/tls_inner.h"

#include "base/clock.h"
#include "crypto/mbed.h"
#include "crypto/x509_set.h"

#include <stdio.h>
#include <string.h>

static int send_alert(struct tls *t, int why)
{
	return mbedtls_ssl_send_alert_message(&t->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
	                                      (unsigned char)why);
}

static int alert_for(uint32_t flags)
{
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA;
	if (flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE))
		return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
	return MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
}

/* The pinned authority among what the server sent behind its certificate. */
static const mbedtls_x509_crt *find_pinned(const struct tls *t, const mbedtls_x509_crt *leaf)
{
	for (const mbedtls_x509_crt *at = leaf->next; at != NULL; at = at->next) {
		struct pin pin;

		pin_of_spki(at->pk_raw.p, at->pk_raw.len, &pin);
		if (at->ca_istrue && pin_equal(&pin, &t->conf->pin))
			return at;
	}
	return NULL;
}

/* Whether `signer` alone certifies `cert`. */
static int check_signed(struct tls *t, const struct x509 *signer, const struct x509 *cert,
                        struct err *err)
{
	struct x509_set *set;
	int rc = x509_set_new(&set, err);

	if (rc != 0)
		return rc;
	rc = x509_set_add(set, signer, err);
	if (rc == 0)
		rc = x509_set_verify(set, cert, NULL, 0, t->chain.now_ms, &t->chain.ca, err);
	x509_set_unref(set);
	return rc;
}

/* The authority's other key, in a rotation: the pinned one certified it under its own name. */
static int check_rolled(struct tls *t, const struct x509 *pinned, const mbedtls_x509_crt *at,
                        struct err *err)
{
	const mbedtls_x509_buf *name = &x509_mbed(pinned)->subject_raw;
	struct x509 *other;
	int rc;

	if (!at->ca_istrue || at->subject_raw.len != name->len ||
	    memcmp(at->subject_raw.p, name->p, name->len) != 0)
		return ERR_UNTRUSTED;
	rc = x509_load(at->raw.p, at->raw.len, &other, err);
	if (rc != 0)
		return rc;
	rc = check_signed(t, pinned, other, err);
	if (rc == 0)
		rc = check_signed(t, other, t->peer_cert, err);
	x509_unref(other);
	return rc;
}

/* The pinned authority must have signed the leaf itself, or the other key of its rotation did. */
static int check_pinned(struct tls *t, const mbedtls_x509_crt *leaf, struct err *err)
{
	const mbedtls_x509_crt *pinned = find_pinned(t, leaf);
	char text[PIN_TEXT_SIZE];
	struct err ignored;
	struct x509 *ca;
	int rc;

	if (pinned == NULL)
		return err_set(err, ERR_UNTRUSTED,
		               "server '%s' is not of the cluster with the CA pin %s", t->host,
		               pin_format(&t->conf->pin, text));
	if (x509_load(pinned->raw.p, pinned->raw.len, &ca, err) != 0)
		return err->code;
	rc = check_signed(t, ca, t->peer_cert, err);
	for (const mbedtls_x509_crt *at = leaf->next; rc == ERR_UNTRUSTED && at != NULL;
	     at = at->next)
		if (check_rolled(t, ca, at, &ignored) == 0)
			rc = 0;
	x509_unref(ca);
	return rc;
}

/* Names of the certificate as "'a', 'b'", cut where the message ends. */
static void list_hosts(const struct x509_info *cert, char *dst, size_t size)
{
	size_t at = 0;

	dst[0] = 0;
	for (size_t i = 0; i < cert->host_count && at < size; i++)
		at += (size_t)snprintf(dst + at, size - at, "%s'%s'", i > 0 ? ", " : "",
		                       cert->hosts[i]);
}

static int check_host(const struct tls *t, struct err *err)
{
	const struct x509_info *cert = x509_info(t->peer_cert);
	char hosts[200];

	if (t->conf->role == TLS_SERVER || x509_is_for_host(cert, t->host))
		return 0;
	list_hosts(cert, hosts, sizeof(hosts));
	return err_set(err, ERR_UNAUTHENTICATED, "server certificate is for %s, not for '%s'",
	               hosts[0] != 0 ? hosts : "no host", t->host);
}

int tls_peer_check(struct tls *t, struct err *err)
{
	const mbedtls_x509_crt *leaf = t->ssl.session_negotiate->peer_cert;
	uint32_t flags = t->ssl.session_negotiate->verify_result;
	int rc;

	if (t->conf->pinned)
		flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_NOT_TRUSTED;
	rc = x509_load(leaf->raw.p, leaf->raw.len, &t->peer_cert, err);
	if (rc == 0 && t->conf->pinned)
		rc = check_pinned(t, leaf, err);
	if (rc == 0)
		rc = check_host(t, err);
	if (rc == 0)
		rc = chain_judge(&t->chain, flags, err);
	if (rc != 0) {
		send_alert(t, alert_for(flags));
		return rc;
	}
	t->checked = true;
	return 0;
}

int tls_peer_check_times(const struct x509_info *cert, int64_t now_ms, struct err *err)
{
	if (now_ms < cert->not_before_ms || now_ms > cert->not_after_ms)
		return err_set(err, ERR_UNAUTHENTICATED,
		               "certificate of '%s' in the session is out of date",
		               cert->common_name);
	return 0;
}

/* The certificate was judged when the session was made; only time has passed since. */
static int take_resumed(struct tls *t, const mbedtls_x509_crt *leaf, struct err *err)
{
	int rc = x509_load(leaf->raw.p, leaf->raw.len, &t->peer_cert, err);

	if (rc == 0)
		rc = tls_peer_check_times(x509_info(t->peer_cert), clock_wall_ms(t->conf->clock),
		                          err);
	if (rc == 0)
		t->chain.ca = t->session_ca;
	return rc;
}

static int check_presence(const struct tls *t, const mbedtls_x509_crt *leaf, struct err *err)
{
	if (leaf != NULL && !t->checked && !t->peer.resumed)
		return err_set(err, ERR_UNAUTHENTICATED, "certificate of the peer was not checked");
	if (leaf == NULL && t->conf->role == TLS_CLIENT)
		return err_set(err, ERR_UNAUTHENTICATED, "server showed no certificate");
	if (leaf == NULL && t->conf->client_auth == TLS_AUTH_REQUIRED)
		return err_set(err, ERR_UNAUTHENTICATED, "peer showed no certificate");
	return 0;
}

int tls_peer_derive(struct tls *t, struct err *err)
{
	const mbedtls_x509_crt *leaf = mbedtls_ssl_get_peer_cert(&t->ssl);
	const char *alpn = mbedtls_ssl_get_alpn_protocol(&t->ssl);
	int rc;

	t->peer.resumed = t->offered && !t->chain.asked;
	rc = check_presence(t, leaf, err);
	if (rc == 0 && leaf != NULL && t->peer.resumed)
		rc = take_resumed(t, leaf, err);
	if (rc != 0) {
		send_alert(t, MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
		return rc;
	}
	t->peer.cert = t->peer_cert != NULL ? x509_info(t->peer_cert) : NULL;
	t->peer.ca = t->chain.ca;
	t->peer.server_name = t->server_name != NULL ? t->server_name : "";
	t->peer.alpn = alpn != NULL ? alpn : "";
	return 0;
}

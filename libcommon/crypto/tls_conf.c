#include "crypto/tls.h"

#include "crypto/key.h"
#include "crypto/mbed.h"
#include "crypto/pubkey.h"
#include "crypto/tls_inner.h"
#include "crypto/x509_set.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8
#define ALPN_MAX  8

/* AEAD with forward secrecy only. AES-256-GCM first where libsodium does it (gcm_wrap). */
static const int suites_with_aes[] = {
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	0,
};

static const int suites_without_aes[] = {
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	0,
};

static const mbedtls_ecp_group_id curves[] = {
	MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP384R1,
	MBEDTLS_ECP_DP_SECP521R1, MBEDTLS_ECP_DP_NONE,
};

static const int hashes[] = { MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
	                      MBEDTLS_MD_NONE };

static int check_spec(const struct tls_conf_spec *s, struct err *err)
{
	if (s->role == TLS_SERVER && s->own_count == 0)
		return err_set(err, ERR_INVALID, "a TLS server needs a certificate");
	if (s->role == TLS_CLIENT && s->own_count > 1)
		return err_set(err, ERR_INVALID, "a TLS client has at most one certificate");
	if (s->role == TLS_CLIENT && (s->trust == NULL) == (s->pin == NULL))
		return err_set(err, ERR_INVALID, "a TLS client trusts authorities or one CA pin");
	if (s->role == TLS_SERVER && s->client_auth != TLS_AUTH_NONE && s->trust == NULL)
		return err_set(err, ERR_INVALID, "client certificates need authorities to trust");
	if (s->trust != NULL && x509_set_count(s->trust) == 0)
		return err_set(err, ERR_INVALID, "no authority to trust");
	if (s->tickets != NULL && s->service == NULL)
		return err_set(err, ERR_INVALID, "session tickets need the name of the service");
	for (size_t i = 0; i < s->own_count; i++) {
		const struct tls_own *own = &s->own[i];

		if (own->chain_len == 0 || own->chain_len > CHAIN_MAX)
			return err_set(err, ERR_INVALID, "a chain of %zu certificates (1 to %d)",
			               own->chain_len, CHAIN_MAX);
		if (!pubkey_equal(x509_public(own->chain[0]), key_public(own->key)))
			return err_set(err, ERR_INVALID,
			               "certificate of '%s' and private key do not belong together",
			               x509_info(own->chain[0])->common_name);
	}
	return 0;
}

static int add_own(struct tls_conf *c, const struct tls_own *own, struct err *err)
{
	struct tls_own_cert *copy = &c->own[c->own_count++];
	int ret = 0;

	mbedtls_x509_crt_init(&copy->chain);
	copy->leaf = x509_ref(own->chain[0]);
	copy->key = key_ref(own->key);
	for (size_t i = 0; ret == 0 && i < own->chain_len; i++) {
		const mbedtls_x509_crt *crt = x509_mbed(own->chain[i]);

		ret = mbedtls_x509_crt_parse_der(&copy->chain, crt->raw.p, crt->raw.len);
	}
	if (ret == 0)
		ret = mbedtls_ssl_conf_own_cert(&c->config, &copy->chain, key_mbed(copy->key));
	return ret == 0 ? 0 : mbed_fail(err, ERR_NOMEM, ret, "take certificate");
}

static int add_all_own(struct tls_conf *c, const struct tls_conf_spec *s, struct err *err)
{
	int rc = 0;

	if (s->own_count == 0)
		return 0;
	c->own = calloc(s->own_count, sizeof(*c->own));
	if (c->own == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < s->own_count; i++)
		rc = add_own(c, &s->own[i], err);
	return rc;
}

static int add_alpn(struct tls_conf *c, const char *const *names, struct err *err)
{
	int ret;

	if (names == NULL)
		return 0;
	c->alpn = calloc(ALPN_MAX + 1, sizeof(*c->alpn));
	if (c->alpn == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; names[i] != NULL; i++) {
		if (i == ALPN_MAX)
			return err_set(err, ERR_INVALID, "more than %d ALPN protocols", ALPN_MAX);
		c->alpn[i] = strdup(names[i]);
		if (c->alpn[i] == NULL)
			return err_set_nomem(err);
	}
	ret = mbedtls_ssl_conf_alpn_protocols(&c->config, (const char **)c->alpn);
	return ret == 0 ? 0 : mbed_fail(err, ERR_INVALID, ret, "ALPN");
}

/* With a pin mbedTLS only completes the chain; tls_peer_check() judges it. */
static int authmode_of(const struct tls_conf_spec *s)
{
	if (s->role == TLS_CLIENT)
		return s->pin != NULL ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_REQUIRED;
	switch (s->client_auth) {
	case TLS_AUTH_NONE:
		return MBEDTLS_SSL_VERIFY_NONE;
	case TLS_AUTH_OPTIONAL:
		return MBEDTLS_SSL_VERIFY_OPTIONAL;
	default:
		return MBEDTLS_SSL_VERIFY_REQUIRED;
	}
}

static int set_up_config(struct tls_conf *c, const struct tls_conf_spec *s, struct err *err)
{
	mbedtls_ssl_config *config = &c->config;
	int endpoint = s->role == TLS_SERVER ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
	int ret = mbedtls_ssl_config_defaults(config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
	                                      MBEDTLS_SSL_PRESET_DEFAULT);

	if (ret != 0)
		return mbed_fail(err, ERR_NOMEM, ret, "TLS configuration");
	mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
	                             MBEDTLS_SSL_MINOR_VERSION_3); /* TLS 1.2 */
	mbedtls_ssl_conf_ciphersuites(config, crypto_aead_aes256gcm_is_available()
	                                              ? suites_with_aes
	                                              : suites_without_aes);
	mbedtls_ssl_conf_curves(config, curves);
	mbedtls_ssl_conf_sig_hashes(config, hashes);
	mbedtls_ssl_conf_cert_profile(config, mbed_profile());
	mbedtls_ssl_conf_rng(config, mbed_rng, NULL);
	mbedtls_ssl_conf_authmode(config, authmode_of(s));
	if (c->trust != NULL)
		mbedtls_ssl_conf_ca_chain(config, x509_set_mbed(c->trust), NULL);
	return 0;
}

static int bind_tickets(struct tls_conf *c, const struct tls_conf_spec *s, struct err *err)
{
	if (s->service != NULL) {
		c->service = strdup(s->service);
		if (c->service == NULL)
			return err_set_nomem(err);
	}
	if (s->tickets != NULL)
		c->tickets = ticket_keys_ref(s->tickets);
	c->context.service = c->service;
	c->context.client_auth = (uint8_t)s->client_auth;
	if (c->pinned)
		memcpy(c->context.generation, c->pin.sha256, HASH_SIZE);
	return c->trust != NULL ? x509_set_generation(c->trust, c->context.generation, err) : 0;
}

int tls_conf_new(const struct tls_conf_spec *spec, struct tls_conf **out, struct err *err)
{
	struct tls_conf *c;
	int rc = check_spec(spec, err);

	if (rc != 0)
		return rc;
	if (sodium_init() < 0)
		return err_set(err, ERR_INTERNAL, "libsodium does not start");
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_set_nomem(err);
	atomic_init(&c->refs, 1);
	tls_spares_init(&c->spares);
	mbedtls_ssl_config_init(&c->config);
	c->role = spec->role;
	c->client_auth = spec->client_auth;
	c->clock = spec->clock;
	c->trust = spec->trust != NULL ? x509_set_ref(spec->trust) : NULL;
	c->pinned = spec->pin != NULL;
	if (c->pinned)
		c->pin = *spec->pin;
	rc = set_up_config(c, spec, err);
	if (rc == 0)
		rc = add_all_own(c, spec, err);
	if (rc == 0)
		rc = add_alpn(c, spec->alpn, err);
	if (rc == 0)
		rc = bind_tickets(c, spec, err);
	if (rc != 0) {
		tls_conf_unref(c);
		return rc;
	}
	*out = c;
	return 0;
}

struct tls_conf *tls_conf_ref(struct tls_conf *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void tls_conf_unref(struct tls_conf *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	tls_spares_deinit(&c->spares);
	mbedtls_ssl_config_free(&c->config);
	for (size_t i = 0; i < c->own_count; i++) {
		mbedtls_x509_crt_free(&c->own[i].chain);
		x509_unref(c->own[i].leaf);
		key_unref(c->own[i].key);
	}
	free(c->own);
	x509_set_unref(c->trust);
	for (size_t i = 0; c->alpn != NULL && c->alpn[i] != NULL; i++)
		free(c->alpn[i]);
	free(c->alpn);
	free(c->service);
	ticket_keys_unref(c->tickets);
	free(c);
}

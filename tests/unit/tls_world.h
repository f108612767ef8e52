/*
 * tls_world - a cluster's authority, a stranger's, and two ends of TLS in one process, for tests.
 */
#ifndef TESTS_TLS_WORLD_H
#define TESTS_TLS_WORLD_H

#include "base/clock.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"

#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#define LIFETIME (12 * PKI_HOUR)

/* One cluster with its authority, a stranger's, and what both sides are configured with. */
struct world {
	struct clock_fake clock;
	struct pki ours;
	struct pki theirs;
	struct pki_leaf server;
	struct pki_leaf alice;
	struct ticket_keys *tickets;
	struct tls_own server_own;
	struct tls_own alice_own;
	const struct x509 *server_chain[2];
	const struct x509 *alice_chain[1];
	struct tls_conf_spec server_spec;
	struct tls_conf_spec client_spec;
};

/* Two ends in one process. */
struct pair {
	struct tls *client;
	struct tls *server;
	struct err client_err;
	struct err server_err;
	int client_rc;
	int server_rc;
};

static const char *const server_hosts[] = { "auth.example.com", "*.nodes.example.com", "10.1.2.3",
	                                    "fd00::17" };
static const char *const alice_roles[] = { "dev", "ops,O=admin" };

static inline int world_set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	clock_fake_init(&w->clock, PKI_NOW);
	pki_init(&w->ours, "example.com host CA");
	pki_init(&w->theirs, "example.com host CA");
	pki_issue(&w->ours,
	          (struct x509_spec){ .common_name = "auth.example.com",
	                              .hosts = server_hosts,
	                              .host_count = 4,
	                              .usage = X509_SERVER | X509_CLIENT },
	          &w->server);
	pki_issue(&w->ours,
	          (struct x509_spec){ .common_name = "alice",
	                              .organizations = alice_roles,
	                              .organization_count = 2,
	                              .identity = "\x00id",
	                              .identity_len = 3 },
	          &w->alice);
	w->server_chain[0] = w->server.cert;
	w->server_chain[1] = w->ours.ca;
	w->alice_chain[0] = w->alice.cert;
	w->server_own = (struct tls_own){ w->server_chain, 2, w->server.key };
	w->alice_own = (struct tls_own){ w->alice_chain, 1, w->alice.key };
	assert_int_equal(ticket_keys_new(&w->clock.clock, LIFETIME, &w->tickets, &err), 0);
	w->server_spec = (struct tls_conf_spec){
		.role = TLS_SERVER,
		.service = "authd",
		.clock = &w->clock.clock,
		.own = &w->server_own,
		.own_count = 1,
		.trust = w->ours.trust,
		.client_auth = TLS_AUTH_OPTIONAL,
		.tickets = w->tickets,
	};
	w->client_spec = (struct tls_conf_spec){
		.role = TLS_CLIENT,
		.clock = &w->clock.clock,
		.own = &w->alice_own,
		.own_count = 1,
		.trust = w->ours.trust,
	};
	*state = w;
	return 0;
}

static inline int world_tear_down(void **state)
{
	struct world *w = *state;

	ticket_keys_unref(w->tickets);
	pki_leaf_deinit(&w->alice);
	pki_leaf_deinit(&w->server);
	pki_deinit(&w->theirs);
	pki_deinit(&w->ours);
	free(w);
	return 0;
}

static inline struct tls *open_tls(const struct tls_conf_spec *spec, const char *host)
{
	struct tls_conf *conf;
	struct tls *t;
	struct err err;

	if (tls_conf_new(spec, &conf, &err) != 0)
		fail_msg("%s", err.msg);
	if (tls_new(conf, host, &t, &err) != 0)
		fail_msg("%s", err.msg);
	tls_conf_unref(conf);
	return t;
}

static inline void open_pair(struct pair *p, const struct world *w, const char *host)
{
	memset(p, 0, sizeof(*p));
	p->client = open_tls(&w->client_spec, host);
	p->server = open_tls(&w->server_spec, NULL);
}

static inline void close_pair(struct pair *p)
{
	tls_free(p->client);
	tls_free(p->server);
}

/* Moves what one end has to say to the other; whether there was anything. */
static inline bool carry(struct tls *from, struct tls *to)
{
	struct err err;
	size_t len;
	uint8_t *bytes = tls_take_output(from, &len);

	if (bytes == NULL)
		return false;
	assert_int_equal(tls_feed(to, bytes, len, &err), 0);
	free(bytes);
	return true;
}

/* Both ends, until nothing moves any more. */
static inline void shake(struct pair *p)
{
	bool moved = true;

	while (moved) {
		if (p->client_rc == 0)
			p->client_rc = tls_handshake(p->client, &p->client_err);
		moved = carry(p->client, p->server);
		if (p->server_rc == 0)
			p->server_rc = tls_handshake(p->server, &p->server_err);
		moved |= carry(p->server, p->client);
	}
}

static inline void assert_says(const struct err *err, const char *words)
{
	if (strstr(err->msg, words) == NULL)
		fail_msg("'%s' does not say '%s'", err->msg, words);
}

static inline void assert_connected(const struct pair *p)
{
	if (p->client_rc != 0 || p->server_rc != 0)
		fail_msg("client: %s; server: %s", p->client_err.msg, p->server_err.msg);
	assert_true(tls_is_ready(p->client));
	assert_true(tls_is_ready(p->server));
}

#endif

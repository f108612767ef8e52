#include "crypto/tls.h"

#include "tests/unit/tls_world.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static void both_sides_learn_who_the_other_is(void **state)
{
	const struct world *w = *state;
	const struct tls_peer *peer;
	struct pair p;

	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_connected(&p);
	peer = tls_peer(p.server);
	assert_string_equal(peer->cert->common_name, "alice");
	assert_int_equal(peer->cert->organization_count, 2);
	assert_string_equal(peer->cert->organizations[0], "dev");
	assert_string_equal(peer->cert->organizations[1], "ops,O=admin");
	assert_int_equal(peer->cert->identity_len, 3);
	assert_memory_equal(peer->cert->identity, "\x00id", 3);
	assert_int_equal(peer->cert->not_after_ms, PKI_NOW + PKI_HOUR);
	assert_true(pin_equal(&peer->ca, &x509_info(w->ours.ca)->pin));
	assert_string_equal(peer->server_name, "auth.example.com");
	assert_false(peer->resumed);
	assert_string_equal(tls_peer(p.client)->cert->common_name, "auth.example.com");
	close_pair(&p);
}

static void no_certificate_is_anonymous_where_it_is_optional(void **state)
{
	struct world *w = *state;
	struct pair p;

	w->client_spec.own_count = 0;
	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_connected(&p);
	assert_null(tls_peer(p.server)->cert);
	close_pair(&p);
}

static void no_certificate_is_refused_where_one_is_required(void **state)
{
	struct world *w = *state;
	struct pair p;

	w->client_spec.own_count = 0;
	w->server_spec.client_auth = TLS_AUTH_REQUIRED;
	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_int_equal(p.server_rc, ERR_UNAUTHENTICATED);
	assert_says(&p.server_err, "showed no certificate");
	assert_int_equal(p.client_rc, ERR_DENIED);
	assert_says(&p.client_err, "wants a certificate");
	close_pair(&p);
}

/* Lets alice connect with this certificate, on a port where one is optional and one where it is
 * required: both must refuse, and say why. */
static void assert_client_refused(struct world *w, const struct pki_leaf *leaf, int code,
                                  const char *why, const char *told)
{
	const struct x509 *chain[] = { leaf->cert };
	struct tls_own own = { chain, 1, leaf->key };
	struct pair p;

	for (int auth = TLS_AUTH_OPTIONAL; auth <= TLS_AUTH_REQUIRED; auth++) {
		w->client_spec.own = &own;
		w->server_spec.client_auth = (enum tls_client_auth)auth;
		open_pair(&p, w, "auth.example.com");
		shake(&p);
		assert_int_equal(p.server_rc, code);
		assert_says(&p.server_err, why);
		assert_false(tls_is_ready(p.client));
		assert_int_equal(p.client_rc, code == ERR_UNTRUSTED ? code : ERR_DENIED);
		assert_says(&p.client_err, told);
		assert_int_equal(tls_handshake(p.server, &p.server_err), code);
		close_pair(&p);
	}
}

static void a_client_of_another_authority_is_refused(void **state)
{
	struct world *w = *state;
	struct pki_leaf mallory;

	pki_issue(&w->theirs, (struct x509_spec){ .common_name = "alice" }, &mallory);
	assert_client_refused(w, &mallory, ERR_UNTRUSTED,
	                      "'alice' is not signed by a trusted authority", "unknown authority");
	pki_leaf_deinit(&mallory);
}

static void an_expired_client_is_refused_with_the_times(void **state)
{
	struct world *w = *state;
	struct pki_leaf late;

	pki_issue(&w->ours,
	          (struct x509_spec){ .common_name = "alice",
	                              .not_before_ms = PKI_NOW - 3 * PKI_HOUR,
	                              .not_after_ms = PKI_NOW - 2 * PKI_HOUR },
	          &late);
	assert_client_refused(w, &late, ERR_UNAUTHENTICATED,
	                      "'alice' expired at 2027-01-15T06:00:00Z (it is "
	                      "2027-01-15T08:00:00Z here)",
	                      "certificate");
	pki_leaf_deinit(&late);
}

static void a_client_from_the_future_is_refused_with_the_times(void **state)
{
	struct world *w = *state;
	struct pki_leaf early;

	pki_issue(&w->ours,
	          (struct x509_spec){ .common_name = "alice",
	                              .not_before_ms = PKI_NOW + PKI_HOUR,
	                              .not_after_ms = PKI_NOW + 2 * PKI_HOUR },
	          &early);
	assert_client_refused(w, &early, ERR_UNAUTHENTICATED,
	                      "is not valid before 2027-01-15T09:00:00Z", "certificate");
	pki_leaf_deinit(&early);
}

static void a_servers_certificate_is_no_client_certificate(void **state)
{
	struct world *w = *state;
	struct pki_leaf web;

	pki_issue(&w->ours, (struct x509_spec){ .common_name = "web", .usage = X509_SERVER }, &web);
	assert_client_refused(w, &web, ERR_UNAUTHENTICATED,
	                      "is refused: Usage does not match the extendedKeyUsage", "");
	pki_leaf_deinit(&web);
}

/* The client refuses this server, before it sends anything of its own. */
static void assert_server_refused(struct world *w, const char *host, int code, const char *why)
{
	struct pair p;

	open_pair(&p, w, host);
	shake(&p);
	assert_int_equal(p.client_rc, code);
	assert_says(&p.client_err, why);
	assert_false(tls_is_ready(p.server));
	close_pair(&p);
}

static void a_server_is_taken_by_each_of_its_names_and_addresses(void **state)
{
	static const char *const good[] = {
		"auth.example.com", "AUTH.example.com", "web-1.nodes.example.com",
		"10.1.2.3",         "fd00::17",         "fd00:0::0017"
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct pair p;

		open_pair(&p, w, good[i]);
		shake(&p);
		assert_connected(&p);
		close_pair(&p);
	}
}

static void a_server_of_another_name_or_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"evil.example.com",      "10.1.2.4",   "fd00::18", "nodes.example.com",
		"a.b.nodes.example.com", "example.com"
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_server_refused(w, bad[i], ERR_UNAUTHENTICATED,
		                      "is for 'auth.example.com', '*.nodes.example.com', "
		                      "'10.1.2.3', 'fd00::17', not for '");
}

static void a_server_of_another_authority_is_refused(void **state)
{
	struct world *w = *state;

	w->client_spec.trust = w->theirs.trust;
	assert_server_refused(w, "auth.example.com", ERR_UNTRUSTED,
	                      "not signed by a trusted authority");
}

static void a_user_cannot_pass_as_a_server(void **state)
{
	struct world *w = *state;
	struct pki_leaf user;
	const char *host = "auth.example.com";
	const struct x509 *chain[2];
	struct tls_own own = { chain, 2, NULL };
	struct pair p;

	pki_issue(&w->ours,
	          (struct x509_spec){ .common_name = host, .hosts = &host, .host_count = 1 },
	          &user);
	chain[0] = user.cert;
	chain[1] = w->ours.ca;
	own.key = user.key;
	w->server_spec.own = &own;
	open_pair(&p, w, host);
	shake(&p); /* our own server already will not use it */
	assert_int_not_equal(p.server_rc, 0);
	assert_int_equal(p.client_rc, ERR_DENIED);
	close_pair(&p);
	pki_leaf_deinit(&user);
}

static void a_client_with_a_pin_takes_the_server_of_that_authority(void **state)
{
	struct world *w = *state;
	struct pair p;

	w->client_spec.trust = NULL;
	w->client_spec.pin = &x509_info(w->ours.ca)->pin;
	open_pair(&p, w, "10.1.2.3");
	shake(&p);
	assert_connected(&p);
	assert_true(pin_equal(&tls_peer(p.client)->ca, w->client_spec.pin));
	close_pair(&p);
}

static void a_client_with_another_pin_refuses_it(void **state)
{
	struct world *w = *state;

	w->client_spec.trust = NULL;
	w->client_spec.pin = &x509_info(w->theirs.ca)->pin;
	assert_server_refused(w, "auth.example.com", ERR_UNTRUSTED,
	                      "is not of the cluster with the CA pin sha256:");
	w->client_spec.pin = &x509_info(w->ours.ca)->pin;
	assert_server_refused(w, "evil.example.com", ERR_UNAUTHENTICATED,
	                      "not for 'evil.example.com'");
}

/* Mallory sends our authority's public certificate behind one of her own. */
static void a_pinned_authority_that_did_not_sign_is_refused(void **state)
{
	struct world *w = *state;
	const char *host = "auth.example.com";
	struct pki_leaf fake;
	const struct x509 *chain[3];
	struct tls_own own = { chain, 3, NULL };

	pki_issue(&w->theirs,
	          (struct x509_spec){ .common_name = host,
	                              .hosts = &host,
	                              .host_count = 1,
	                              .usage = X509_SERVER },
	          &fake);
	chain[0] = fake.cert;
	chain[1] = w->theirs.ca;
	chain[2] = w->ours.ca;
	own.key = fake.key;
	w->server_spec.own = &own;
	w->client_spec.trust = NULL;
	w->client_spec.pin = &x509_info(w->ours.ca)->pin;
	assert_server_refused(w, host, ERR_UNTRUSTED, "not signed by a trusted authority");
	pki_leaf_deinit(&fake);
}

/* In a rotation either key's pin is good, whichever key signed what the server shows. */
static void a_pin_of_the_authoritys_other_key_connects(void **state)
{
	struct world *w = *state;
	const struct x509 *chain[4] = { w->server.cert, w->ours.ca };
	struct tls_own own = { chain, 4, w->server.key };
	struct x509 *cross;
	struct pki next;
	struct pair p;
	struct err err;

	pki_init(&next, x509_info(w->ours.ca)->common_name);
	assert_int_equal(x509_issue_cross(w->ours.ca, next.ca, next.key, &cross, &err), 0);
	chain[2] = cross;
	chain[3] = next.ca;
	w->server_spec.own = &own;
	w->client_spec.trust = NULL;
	w->client_spec.pin = &x509_info(next.ca)->pin;
	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_connected(&p);
	close_pair(&p);
	chain[2] = next.ca; /* without the cross certificate it is a stranger's */
	own.chain_len = 3;
	assert_server_refused(w, "auth.example.com", ERR_UNTRUSTED,
	                      "not signed by a trusted authority");
	x509_unref(cross);
	pki_deinit(&next);
}

static void a_pinned_server_must_be_valid_now(void **state)
{
	struct world *w = *state;

	w->client_spec.trust = NULL;
	w->client_spec.pin = &x509_info(w->ours.ca)->pin;
	clock_fake_advance(&w->clock, 2 * PKI_HOUR);
	assert_server_refused(w, "auth.example.com", ERR_UNAUTHENTICATED,
	                      "expired at 2027-01-15T09:00:00Z");
}

static void the_certificate_is_chosen_by_the_name_asked_for(void **state)
{
	struct world *w = *state;
	const char *host = "web.example.com";
	struct pki_leaf web;
	const struct x509 *chain[1];
	struct tls_own own[2] = { w->server_own, { chain, 1, NULL } };
	struct pair p;

	pki_issue(&w->ours,
	          (struct x509_spec){ .common_name = "web",
	                              .hosts = &host,
	                              .host_count = 1,
	                              .usage = X509_SERVER },
	          &web);
	chain[0] = web.cert;
	own[1].key = web.key;
	w->server_spec.own = own;
	w->server_spec.own_count = 2;
	open_pair(&p, w, host);
	shake(&p);
	assert_connected(&p);
	assert_string_equal(tls_peer(p.client)->cert->common_name, "web");
	close_pair(&p);
	assert_server_refused(w, "other.example.com", ERR_UNAUTHENTICATED,
	                      "is for 'auth.example.com'");
	pki_leaf_deinit(&web);
}

static void protocols_are_agreed_on_or_refused(void **state)
{
	static const char *const both[] = { "h2", "http/1.1", NULL };
	static const char *const old[] = { "http/1.1", NULL };
	static const char *const none[] = { "spdy/1", NULL };
	struct world *w = *state;
	struct pair p;

	w->server_spec.alpn = both;
	w->client_spec.alpn = old;
	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_connected(&p);
	assert_string_equal(tls_peer(p.server)->alpn, "http/1.1");
	assert_string_equal(tls_peer(p.client)->alpn, "http/1.1");
	close_pair(&p);
	w->client_spec.alpn = none;
	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_int_equal(p.client_rc, ERR_DENIED);
	assert_says(&p.client_err, "no common protocol");
	close_pair(&p);
}

static void data_passes_both_ways_in_any_pieces(void **state)
{
	const struct world *w = *state;
	static uint8_t sent[100000], got[sizeof(sent)];
	size_t have = 0, len, out_len;
	struct err err;
	struct pair p;
	uint8_t *bytes;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7);
	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_connected(&p);
	assert_int_equal(tls_write(p.client, sent, sizeof(sent), &err), 0);
	bytes = tls_take_output(p.client, &len);
	for (size_t at = 0; at < len; at += 777) {
		size_t piece = len - at < 777 ? len - at : 777;

		assert_int_equal(tls_feed(p.server, bytes + at, piece, &err), 0);
		assert_int_equal(tls_read(p.server, got + have, sizeof(got) - have, &out_len, &err),
		                 0);
		have += out_len;
	}
	free(bytes);
	assert_int_equal(have, sizeof(sent));
	assert_memory_equal(got, sent, sizeof(sent));
	assert_int_equal(tls_write(p.server, "pong", 4, &err), 0);
	carry(p.server, p.client);
	assert_int_equal(tls_read(p.client, got, sizeof(got), &out_len, &err), 0);
	assert_int_equal(out_len, 4);
	close_pair(&p);
}

/* They borrow their buffers from each other. */
static void half_a_record_survives_what_other_connections_do(void **state)
{
	const struct world *w = *state;
	struct pair one, other;
	struct err err;
	uint8_t *bytes;
	size_t len, out_len;
	char got[8];

	open_pair(&one, w, "auth.example.com");
	open_pair(&other, w, "auth.example.com");
	shake(&one);
	shake(&other);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(tls_write(one.client, "first", 5, &err), 0);
		bytes = tls_take_output(one.client, &len);
		assert_int_equal(tls_feed(one.server, bytes, len / 2, &err), 0);
		assert_int_equal(tls_read(one.server, got, sizeof(got), &out_len, &err), 0);
		assert_int_equal(out_len, 0);

		assert_int_equal(tls_write(other.client, "second", 6, &err), 0);
		carry(other.client, other.server);
		assert_int_equal(tls_read(other.server, got, sizeof(got), &out_len, &err), 0);
		assert_int_equal(out_len, 6);
		assert_int_equal(tls_write(other.server, "back", 4, &err), 0);
		carry(other.server, other.client);
		assert_int_equal(tls_read(other.client, got, sizeof(got), &out_len, &err), 0);
		assert_int_equal(out_len, 4);

		assert_int_equal(tls_feed(one.server, bytes + len / 2, len - len / 2, &err), 0);
		free(bytes);
		/* In two pieces: what is left of a record stays, too. */
		assert_int_equal(tls_read(one.server, got, 2, &out_len, &err), 0);
		assert_int_equal(out_len, 2);
		assert_int_equal(tls_write(other.client, "x", 1, &err), 0);
		carry(other.client, other.server);
		assert_int_equal(tls_read(other.server, got + 4, 1, &out_len, &err), 0);
		assert_int_equal(tls_read(one.server, got + 2, 6, &out_len, &err), 0);
		assert_int_equal(out_len, 3);
		assert_memory_equal(got, "first", 5);
	}
	close_pair(&one);
	close_pair(&other);
}

static void closing_is_told_and_reading_goes_on(void **state)
{
	const struct world *w = *state;
	struct err err;
	struct pair p;
	char got[16];
	size_t len;

	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_int_equal(tls_write(p.client, "last", 4, &err), 0);
	assert_int_equal(tls_close(p.client, &err), 0);
	assert_int_equal(tls_write(p.client, "no", 2, &err), ERR_CANCELED);
	carry(p.client, p.server);
	assert_false(tls_peer_closed(p.server));
	assert_int_equal(tls_read(p.server, got, sizeof(got), &len, &err), 0);
	assert_int_equal(len, 4);
	assert_true(tls_peer_closed(p.server));
	assert_int_equal(tls_write(p.server, "more", 4, &err), 0);
	carry(p.server, p.client);
	assert_int_equal(tls_read(p.client, got, sizeof(got), &len, &err), 0);
	assert_int_equal(len, 4);
	close_pair(&p);
}

static void a_flipped_bit_ends_the_connection(void **state)
{
	const struct world *w = *state;
	struct err err;
	struct pair p;
	uint8_t *bytes;
	char got[16];
	size_t len;

	open_pair(&p, w, "auth.example.com");
	shake(&p);
	assert_int_equal(tls_write(p.client, "good", 4, &err), 0);
	carry(p.client, p.server);
	assert_int_equal(tls_write(p.client, "evil", 4, &err), 0);
	bytes = tls_take_output(p.client, &len);
	bytes[len - 1] ^= 1;
	assert_int_equal(tls_feed(p.server, bytes, len, &err), 0);
	free(bytes);
	assert_int_equal(tls_read(p.server, got, sizeof(got), &len, &err), 0);
	assert_int_equal(len, 4); /* what came before it is still good */
	assert_int_equal(tls_read(p.server, got, sizeof(got), &len, &err), ERR_INVALID);
	assert_int_equal(tls_write(p.server, "x", 1, &err), ERR_INVALID);
	close_pair(&p);
}

static void bytes_that_are_no_tls_are_refused(void **state)
{
	const struct world *w = *state;
	struct tls *t = open_tls(&w->server_spec, NULL);
	struct err err;

	assert_int_equal(tls_feed(t, "GET / HTTP/1.1\r\n\r\n", 18, &err), 0);
	assert_int_equal(tls_handshake(t, &err), ERR_INVALID);
	tls_free(t);
}

static void more_input_than_the_bound_is_refused(void **state)
{
	const struct world *w = *state;
	struct tls *t = open_tls(&w->server_spec, NULL);
	static const uint8_t zeroes[TLS_INPUT_MAX];
	struct err err;

	assert_int_equal(tls_feed(t, zeroes, sizeof(zeroes), &err), 0);
	assert_int_equal(tls_feed(t, zeroes, 1, &err), ERR_LIMIT);
	tls_free(t);
}

static void a_spec_that_cannot_work_is_refused(void **state)
{
	struct world *w = *state;
	struct tls_conf_spec s = w->client_spec;
	struct tls_own mixed = { w->alice_chain, 1, w->server.key };
	struct tls_conf *conf;
	struct err err;

	s.pin = &x509_info(w->ours.ca)->pin;
	assert_int_equal(tls_conf_new(&s, &conf, &err), ERR_INVALID);
	s.pin = NULL;
	s.own = &mixed;
	assert_int_equal(tls_conf_new(&s, &conf, &err), ERR_INVALID);
	assert_says(&err, "do not belong together");
	s = w->server_spec;
	s.trust = NULL;
	assert_int_equal(tls_conf_new(&s, &conf, &err), ERR_INVALID);
}

static void *shake_in_thread(void *pair)
{
	shake(pair);
	return NULL;
}

static void handshakes_of_one_configuration_run_in_many_threads(void **state)
{
	const struct world *w = *state;
	struct tls_conf *server, *client;
	pthread_t threads[8];
	struct pair pairs[8] = { 0 };
	struct err err;

	assert_int_equal(tls_conf_new(&w->server_spec, &server, &err), 0);
	assert_int_equal(tls_conf_new(&w->client_spec, &client, &err), 0);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(tls_new(client, "auth.example.com", &pairs[i].client, &err), 0);
		assert_int_equal(tls_new(server, NULL, &pairs[i].server, &err), 0);
	}
	tls_conf_unref(server);
	tls_conf_unref(client);
	for (size_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, shake_in_thread, &pairs[i]);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_connected(&pairs[i]);
		close_pair(&pairs[i]);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_sides_learn_who_the_other_is),
		T(no_certificate_is_anonymous_where_it_is_optional),
		T(no_certificate_is_refused_where_one_is_required),
		T(a_client_of_another_authority_is_refused),
		T(an_expired_client_is_refused_with_the_times),
		T(a_client_from_the_future_is_refused_with_the_times),
		T(a_servers_certificate_is_no_client_certificate),
		T(a_server_is_taken_by_each_of_its_names_and_addresses),
		T(a_server_of_another_name_or_address_is_refused),
		T(a_server_of_another_authority_is_refused),
		T(a_user_cannot_pass_as_a_server),
		T(a_client_with_a_pin_takes_the_server_of_that_authority),
		T(a_client_with_another_pin_refuses_it),
		T(a_pinned_authority_that_did_not_sign_is_refused),
		T(a_pin_of_the_authoritys_other_key_connects),
		T(a_pinned_server_must_be_valid_now),
		T(the_certificate_is_chosen_by_the_name_asked_for),
		T(protocols_are_agreed_on_or_refused),
		T(data_passes_both_ways_in_any_pieces),
		T(half_a_record_survives_what_other_connections_do),
		T(closing_is_told_and_reading_goes_on),
		T(a_flipped_bit_ends_the_connection),
		T(bytes_that_are_no_tls_are_refused),
		T(more_input_than_the_bound_is_refused),
		T(a_spec_that_cannot_work_is_refused),
		T(handshakes_of_one_configuration_run_in_many_threads),
	};

	return unit_run(tests);
}

#include "crypto/tls.h"

#include "base/buf.h"

#include "tests/unit/tls_world.h"
#include "tests/unit/unit.h"

#define HOST "auth.example.com"

/* A whole connection after which the client keeps its session. */
static void make_session(const struct world *w, struct buf *session)
{
	struct err err;
	struct pair p;

	buf_clear(session);
	open_pair(&p, w, HOST);
	shake(&p);
	assert_connected(&p);
	assert_false(tls_peer(p.server)->resumed);
	if (tls_save_session(p.client, session, &err) != 0)
		fail_msg("%s", err.msg);
	close_pair(&p);
}

/* Connects with the saved session; `taken` says whether the client may offer it at all. */
static void come_back(struct pair *p, const struct world *w, const struct buf *session, bool taken)
{
	open_pair(p, w, HOST);
	assert_int_equal(tls_load_session(p->client, session->data, session->len), taken);
	shake(p);
}

/* The session is offered, the server does not know it: they connect, in full. */
static void assert_full_handshake(const struct world *w, const struct buf *session)
{
	struct pair p;

	come_back(&p, w, session, true);
	assert_connected(&p);
	assert_false(tls_peer(p.client)->resumed);
	assert_false(tls_peer(p.server)->resumed);
	assert_string_equal(tls_peer(p.server)->cert->common_name, "alice");
	close_pair(&p);
}

static void a_session_resumes_with_the_same_identities(void **state)
{
	const struct world *w = *state;
	struct buf session = { 0 };
	const struct tls_peer *peer;
	struct pair p;

	make_session(w, &session);
	for (int again = 0; again < 3; again++) {
		come_back(&p, w, &session, true);
		assert_connected(&p);
		peer = tls_peer(p.server);
		assert_true(peer->resumed);
		assert_string_equal(peer->cert->common_name, "alice");
		assert_string_equal(peer->cert->organizations[1], "ops,O=admin");
		assert_memory_equal(peer->cert->identity, "\x00id", 3);
		assert_int_equal(peer->cert->not_after_ms, PKI_NOW + PKI_HOUR);
		assert_true(pin_equal(&peer->ca, &x509_info(w->ours.ca)->pin));
		peer = tls_peer(p.client);
		assert_true(peer->resumed);
		assert_string_equal(peer->cert->common_name, HOST);
		assert_true(pin_equal(&peer->ca, &x509_info(w->ours.ca)->pin));
		close_pair(&p);
	}
	buf_wipe(&session);
}

static void data_flows_over_a_resumed_connection_and_its_session_can_be_kept(void **state)
{
	const struct world *w = *state;
	struct buf session = { 0 };
	struct err err;
	struct pair p;
	char got[8];
	size_t len;

	make_session(w, &session);
	come_back(&p, w, &session, true);
	assert_int_equal(tls_write(p.client, "ping", 4, &err), 0);
	carry(p.client, p.server);
	assert_int_equal(tls_read(p.server, got, sizeof(got), &len, &err), 0);
	assert_int_equal(len, 4);
	buf_clear(&session);
	assert_int_equal(tls_save_session(p.client, &session, &err), 0);
	close_pair(&p);
	come_back(&p, w, &session, true);
	assert_true(tls_peer(p.server)->resumed);
	close_pair(&p);
	buf_wipe(&session);
}

static void an_anonymous_session_stays_anonymous(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct pair p;

	w->client_spec.own_count = 0;
	make_session(w, &session);
	come_back(&p, w, &session, true);
	assert_connected(&p);
	assert_true(tls_peer(p.server)->resumed);
	assert_null(tls_peer(p.server)->cert);
	close_pair(&p);
	buf_wipe(&session);
}

/* The ticket of a connection without certificate, offered where one is needed: with the keys of
 * both ports being the same, the worst case. */
static void a_ticket_made_without_certificate_opens_no_port_that_needs_one(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct pair p;

	w->client_spec.own_count = 0;
	for (int from = TLS_AUTH_NONE; from <= TLS_AUTH_OPTIONAL; from++) {
		w->server_spec.client_auth = (enum tls_client_auth)from;
		make_session(w, &session);
		w->server_spec.client_auth = TLS_AUTH_REQUIRED;
		come_back(&p, w, &session, true);
		assert_int_equal(p.server_rc, ERR_UNAUTHENTICATED);
		assert_says(&p.server_err, "showed no certificate");
		assert_false(tls_is_ready(p.client));
		close_pair(&p);
	}
	buf_wipe(&session);
}

static void a_ticket_of_one_certificate_mode_is_not_taken_in_another(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };

	make_session(w, &session);
	w->server_spec.client_auth = TLS_AUTH_REQUIRED;
	assert_full_handshake(w, &session);
	buf_wipe(&session);
}

static void a_ticket_of_another_service_is_not_taken(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct pair p;

	w->server_spec.service = "proxyd-web";
	make_session(w, &session);
	w->server_spec.service = "authd";
	assert_full_handshake(w, &session);
	w->client_spec.own_count = 0;
	w->server_spec.service = "proxyd-web";
	make_session(w, &session);
	w->server_spec.service = "authd";
	come_back(&p, w, &session, true);
	assert_connected(&p);
	assert_false(tls_peer(p.server)->resumed);
	assert_null(tls_peer(p.server)->cert);
	close_pair(&p);
	buf_wipe(&session);
}

/* The authorities change: those who hold a certificate of the old one have to show it again, and
 * are refused. */
static void a_ticket_from_before_a_ca_change_is_not_taken(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct pair p;

	make_session(w, &session);
	w->server_spec.trust = w->theirs.trust;
	come_back(&p, w, &session, true);
	assert_int_equal(p.server_rc, ERR_UNTRUSTED);
	assert_says(&p.server_err, "'alice' is not signed by a trusted authority");
	close_pair(&p);
	buf_wipe(&session);
}

static void a_ticket_does_not_outlive_the_certificate(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct clock_fake behind;
	struct pair p;

	make_session(w, &session);
	clock_fake_init(&behind, PKI_NOW); /* the client's clock stands still */
	w->client_spec.clock = &behind.clock;
	clock_fake_advance(&w->clock, PKI_HOUR + 1000);
	come_back(&p, w, &session, true);
	assert_int_equal(p.server_rc, ERR_UNAUTHENTICATED);
	assert_says(&p.server_err, "'alice' expired at 2027-01-15T09:00:00Z");
	close_pair(&p);
	buf_wipe(&session);
}

static void a_ticket_does_not_outlive_its_lifetime(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct err err;

	ticket_keys_unref(w->tickets);
	assert_int_equal(ticket_keys_new(&w->clock.clock, 60000, &w->tickets, &err), 0);
	w->server_spec.tickets = w->tickets;
	make_session(w, &session);
	clock_fake_advance(&w->clock, 60001);
	assert_full_handshake(w, &session);
	buf_wipe(&session);
}

static void tickets_survive_a_restart_and_a_rotation_but_not_a_reset(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 }, saved = { 0 };
	struct ticket_keys *restarted;
	struct err err;
	struct pair p;

	make_session(w, &session);
	ticket_keys_save(w->tickets, &saved);
	assert_int_equal(ticket_keys_new(&w->clock.clock, LIFETIME, &restarted, &err), 0);
	assert_int_equal(ticket_keys_load(restarted, saved.data, saved.len, &err), 0);
	w->server_spec.tickets = restarted;
	come_back(&p, w, &session, true);
	assert_true(tls_peer(p.server)->resumed);
	close_pair(&p);
	ticket_keys_reset(restarted);
	assert_full_handshake(w, &session);
	ticket_keys_unref(restarted);
	buf_wipe(&saved);
	buf_wipe(&session);
}

static void any_changed_byte_of_a_ticket_means_a_full_handshake(void **state)
{
	const struct world *w = *state;
	const struct ticket_context context = { .service = "authd" };
	uint8_t sealed[100 + TICKET_OVERHEAD], out[sizeof(sealed)];
	size_t len, out_len;
	struct err err;

	assert_int_equal(ticket_seal(w->tickets, &context, "0123456789", 10, sealed, sizeof(sealed),
	                             &len, &err),
	                 0);
	for (size_t i = 0; i < len; i++) {
		sealed[i] ^= 0x10;
		assert_int_equal(
		        ticket_open(w->tickets, &context, sealed, len, out, &out_len, &err),
		        ERR_UNAUTHENTICATED);
		sealed[i] ^= 0x10;
		assert_int_equal(ticket_open(w->tickets, &context, sealed, i, out, &out_len, &err),
		                 ERR_UNAUTHENTICATED);
	}
	assert_int_equal(ticket_open(w->tickets, &context, sealed, len, out, &out_len, &err), 0);
	assert_int_equal(out_len, 10);
	assert_memory_equal(out, "0123456789", 10);
}

static void a_ticket_opens_after_one_rotation_and_not_after_two(void **state)
{
	struct world *w = *state;
	const struct ticket_context context = { .service = "authd" };
	uint8_t sealed[100 + TICKET_OVERHEAD], other[sizeof(sealed)], out[sizeof(sealed)];
	size_t len, other_len, out_len;
	struct err err;

	assert_int_equal(
	        ticket_seal(w->tickets, &context, "x", 1, sealed, sizeof(sealed), &len, &err), 0);
	for (int rotation = 1; rotation <= 2; rotation++) {
		clock_fake_advance(&w->clock, LIFETIME / 2 + 1);
		assert_int_equal(ticket_seal(w->tickets, &context, "y", 1, other, sizeof(other),
		                             &other_len, &err),
		                 0);
		assert_int_equal(
		        ticket_open(w->tickets, &context, sealed, len, out, &out_len, &err),
		        rotation == 1 ? 0 : ERR_UNAUTHENTICATED);
	}
}

static void bytes_that_are_no_ticket_keys_change_nothing(void **state)
{
	struct world *w = *state;
	struct buf saved = { 0 }, session = { 0 };
	struct err err;
	struct pair p;

	make_session(w, &session);
	ticket_keys_save(w->tickets, &saved);
	for (size_t len = 0; len < saved.len; len++)
		assert_int_equal(ticket_keys_load(w->tickets, saved.data, len, &err), ERR_CORRUPT);
	come_back(&p, w, &session, true);
	assert_true(tls_peer(p.server)->resumed);
	close_pair(&p);
	buf_wipe(&saved);
	buf_wipe(&session);
}

/* What made the session is part of it: with anything else the client does not even offer it. */
static void a_client_offers_a_session_only_where_it_was_made(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct tls_conf_spec original = w->client_spec;
	struct pki_leaf renewed;
	const struct x509 *chain[1];
	struct tls_own own = { chain, 1, NULL };
	struct pair p;

	make_session(w, &session);
	open_pair(&p, w, "10.1.2.3");
	assert_false(tls_load_session(p.client, session.data, session.len));
	assert_false(tls_load_session(p.server, session.data, session.len));
	close_pair(&p);
	pki_issue(&w->ours, (struct x509_spec){ .common_name = "alice" }, &renewed);
	chain[0] = renewed.cert;
	own.key = renewed.key;
	w->client_spec.own = &own;
	come_back(&p, w, &session, false);
	assert_connected(&p);
	close_pair(&p);
	w->client_spec = original;
	w->client_spec.own_count = 0;
	come_back(&p, w, &session, false);
	close_pair(&p);
	w->client_spec = original;
	w->client_spec.trust = NULL;
	w->client_spec.pin = &x509_info(w->ours.ca)->pin;
	come_back(&p, w, &session, false);
	assert_connected(&p);
	close_pair(&p);
	pki_leaf_deinit(&renewed);
	buf_wipe(&session);
}

static void a_client_does_not_offer_a_session_whose_server_has_expired(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct pair p;

	make_session(w, &session);
	clock_fake_advance(&w->clock, PKI_HOUR + 1000);
	come_back(&p, w, &session, false);
	assert_int_equal(p.client_rc, ERR_UNAUTHENTICATED);
	close_pair(&p);
	buf_wipe(&session);
}

static void broken_session_bytes_are_ignored(void **state)
{
	const struct world *w = *state;
	struct buf session = { 0 };
	struct pair p;

	make_session(w, &session);
	open_pair(&p, w, HOST);
	for (size_t len = 0; len < session.len; len += 7)
		assert_false(tls_load_session(p.client, session.data, len));
	shake(&p);
	assert_connected(&p);
	assert_false(tls_peer(p.client)->resumed);
	close_pair(&p);
	buf_wipe(&session);
}

static void without_ticket_keys_there_is_nothing_to_save(void **state)
{
	struct world *w = *state;
	struct buf session = { 0 };
	struct err err;
	struct pair p;

	w->server_spec.tickets = NULL;
	open_pair(&p, w, HOST);
	shake(&p);
	assert_connected(&p);
	assert_int_equal(tls_save_session(p.client, &session, &err), ERR_NOT_FOUND);
	assert_int_equal(tls_save_session(p.server, &session, &err), ERR_NOT_FOUND);
	assert_int_equal(session.len, 0);
	close_pair(&p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_session_resumes_with_the_same_identities),
		T(data_flows_over_a_resumed_connection_and_its_session_can_be_kept),
		T(an_anonymous_session_stays_anonymous),
		T(a_ticket_made_without_certificate_opens_no_port_that_needs_one),
		T(a_ticket_of_one_certificate_mode_is_not_taken_in_another),
		T(a_ticket_of_another_service_is_not_taken),
		T(a_ticket_from_before_a_ca_change_is_not_taken),
		T(a_ticket_does_not_outlive_the_certificate),
		T(a_ticket_does_not_outlive_its_lifetime),
		T(tickets_survive_a_restart_and_a_rotation_but_not_a_reset),
		T(any_changed_byte_of_a_ticket_means_a_full_handshake),
		T(a_ticket_opens_after_one_rotation_and_not_after_two),
		T(bytes_that_are_no_ticket_keys_change_nothing),
		T(a_client_offers_a_session_only_where_it_was_made),
		T(a_client_does_not_offer_a_session_whose_server_has_expired),
		T(broken_session_bytes_are_ignored),
		T(without_ticket_keys_there_is_nothing_to_save),
	};

	return unit_run(tests);
}

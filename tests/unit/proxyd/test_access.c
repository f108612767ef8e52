#include "proxyd/access.h"

#include "crypto/tls.h"
#include "model/role.h"

#include "tests/unit/proxyd/proxy_world.h"

/* An identity as certificates carry it. */
static void identity(pv_Identity *out, const char *user, const char *cluster, int64_t expires)
{
	static char *role = (char *)(uintptr_t) "dev";

	*out = (pv_Identity){ .user = (char *)(uintptr_t)user,
		              .cluster = (char *)(uintptr_t)cluster,
		              .roles = &role,
		              .roles_count = 1,
		              .expires = expires };
}

static void a_tls_client_without_a_certificate_is_nobody(void **state)
{
	struct proxy_world *w = world_begin(*state);
	const struct tls_peer tls = { 0 };
	struct role_set *roles;
	struct peer peer;
	struct err err = { 0 };

	world_start(w);
	member_check(access_tls_peer(&w->p, &tls, "192.0.2.7:1", &peer, &err), &err);
	assert_int_equal(peer.kind, PEER_ANONYMOUS);
	assert_string_equal(peer.addr, "192.0.2.7:1");
	assert_int_equal(access_roles(&w->p, &peer, &roles, &err), ERR_UNAUTHENTICATED);
	peer_deinit(&peer);
	world_end(w);
}

static void a_tls_client_is_who_its_certificate_says(void **state)
{
	static const struct {
		const char *cluster;
		int64_t expires;
		bool by_hosts;
		int code;
	} cases[] = {
		{ MEMBER_CLUSTER, PKI_NOW + 1, false, 0 },
		{ MEMBER_CLUSTER, PKI_NOW + 1, true, ERR_UNAUTHENTICATED },
		{ MEMBER_CLUSTER, PKI_NOW - 1, false, ERR_UNAUTHENTICATED },
		{ "elsewhere", PKI_NOW + 1, false, ERR_UNTRUSTED },
		{ NULL, 0, false, ERR_UNAUTHENTICATED }, /* no identity at all */
	};
	struct proxy_world *w = world_begin(*state);

	world_start(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct x509_info cert = { .common_name = (char *)(uintptr_t) "alice",
			                  .not_after_ms = PKI_NOW + PKI_HOUR };
		struct tls_peer tls = { .cert = &cert, .ca = x509_info(w->users.ca)->pin };
		struct buf bytes = { 0 };
		struct peer peer = { 0 };
		struct err err = { 0 };
		pv_Identity id;

		identity(&id, "alice", cases[i].cluster, cases[i].expires);
		if (cases[i].cluster != NULL)
			member_check(identity_encode(&id, &bytes, &err), &err);
		cert.identity = bytes.data;
		cert.identity_len = bytes.len;
		if (cases[i].by_hosts)
			tls.ca = x509_info(w->hosts.ca)->pin;
		assert_int_equal(access_tls_peer(&w->p, &tls, "192.0.2.7:1", &peer, &err),
		                 cases[i].code);
		if (cases[i].code == 0)
			assert_string_equal(peer.identity.user, "alice");
		peer_deinit(&peer);
		buf_deinit(&bytes);
	}
	world_end(w);
}

/* --- SSH certificates --------------------------------------------------------------------------
 */

struct ssh_case {
	const char *what;
	enum sshcert_type type;
	bool by_hosts; /* signed by the authority of hosts */
	bool anonymous;
	const char *cluster;
	int64_t not_after_ms;
	int code;
};

static void issue(struct proxy_world *w, const struct ssh_case *c, struct sshcert *out)
{
	static const char *const principals[] = { IDENTITY_DOOR_PRINCIPAL };
	struct sshcert_option extension = { IDENTITY_SSH_EXTENSION, NULL };
	struct sshkey subject = { 0 };
	struct buf text = { 0 };
	struct buf line = { 0 };
	struct err err = { 0 };
	pv_Identity id;

	identity(&id, "alice", c->cluster, PKI_NOW + PKI_HOUR);
	member_check(identity_encode_ssh(&id, &text, &err), &err);
	extension.value = buf_str(&text);
	member_check(sshkey_from_pubkey(key_public(w->hosts.key), "", &subject, &err), &err);
	const struct sshcert_spec spec = {
		.type = c->type,
		.subject = &subject,
		.key_id = "alice",
		.principals = principals,
		.principal_count = 1,
		.not_before_ms = PKI_NOW - PKI_HOUR,
		.not_after_ms = c->not_after_ms,
		.extensions = &extension,
		.extension_count = c->anonymous ? 0 : 1,
	};

	member_check(sshcert_issue(&spec, c->by_hosts ? w->hosts.key : w->users.key, &line, &err),
	             &err);
	member_check(sshcert_parse_line(buf_str(&line), out, &err), &err);
	sshkey_deinit(&subject);
	buf_deinit(&text);
	buf_deinit(&line);
}

static void the_doors_word_is_checked_again(void **state)
{
	static const struct ssh_case cases[] = {
		{ "sound", SSHCERT_USER, false, false, MEMBER_CLUSTER, PKI_NOW + PKI_HOUR, 0 },
		{ "of another authority", SSHCERT_USER, true, false, MEMBER_CLUSTER,
		  PKI_NOW + PKI_HOUR, ERR_UNTRUSTED },
		{ "of a host", SSHCERT_HOST, false, false, MEMBER_CLUSTER, PKI_NOW + PKI_HOUR,
		  ERR_UNAUTHENTICATED },
		{ "expired", SSHCERT_USER, false, false, MEMBER_CLUSTER, PKI_NOW - 1000,
		  ERR_UNAUTHENTICATED },
		{ "without an identity", SSHCERT_USER, false, true, MEMBER_CLUSTER,
		  PKI_NOW + PKI_HOUR, ERR_UNAUTHENTICATED },
		{ "of another cluster", SSHCERT_USER, false, false, "elsewhere", PKI_NOW + PKI_HOUR,
		  ERR_UNTRUSTED },
	};
	struct proxy_world *w = world_begin(*state);

	world_start(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer peer = { 0 };
		struct sshcert cert;
		struct err err = { 0 };

		issue(w, &cases[i], &cert);
		if (access_ssh_peer(&w->p, &cert, "192.0.2.7:1", &peer, &err) != cases[i].code)
			fail_msg("%s: %s", cases[i].what, err.msg);
		peer_deinit(&peer);
		sshcert_deinit(&cert);
	}
	world_end(w);
}

static void who_is_locked_has_no_roles(void **state)
{
	static const char *const locks[] = { NULL, "user: alice", "role: dev" };

	for (size_t i = 0; i < 3; i++) {
		struct proxy_world *w = world_begin(*state);
		struct role_set *roles = NULL;
		struct peer peer;
		struct err err = { 0 };

		if (locks[i] != NULL)
			world_lock(w, locks[i]);
		world_start(w);
		world_peer(w, "alice", &peer);
		assert_int_equal(access_roles(&w->p, &peer, &roles, &err),
		                 locks[i] != NULL ? ERR_DENIED : 0);
		role_set_unref(roles);
		peer_deinit(&peer);
		world_end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_tls_client_without_a_certificate_is_nobody),
		loop_test(a_tls_client_is_who_its_certificate_says),
		loop_test(the_doors_word_is_checked_again),
		loop_test(who_is_locked_has_no_roles),
	};

	return unit_run(tests);
}

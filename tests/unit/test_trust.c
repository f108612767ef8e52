#include "model/trust.h"

#include "base/buf.h"
#include "base/strlist.h"
#include "crypto/sshcert.h"
#include "crypto/tls.h"
#include "wire/fields.h"

#include "proto/identity.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define ADDR    "192.0.2.7:51234"
#define HOST_ID "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"

/* Whose keys there are. "leaf" is us, "root" is trusted, "twig" is a leaf of ours, and "else" is
 * known to nobody. */
enum cluster { LEAF, ROOT, TWIG, ELSE, CLUSTERS };
static const char *const names[] = { "leaf", "root", "twig", "else" };

struct fixture {
	struct pki users[CLUSTERS];
	struct pki hosts[CLUSTERS];
	struct trust *trust;
	struct peer peer;
	struct err err;
};

static void add(struct fixture *f, const char *type, enum cluster of, const struct pki *pki,
                const char *map)
{
	pv_CertAuthority ca = { .has_spec = true, .spec.has_active_keys = true };
	pv_CaKeys *keys = &ca.spec.active_keys;
	struct sshkey ssh = { 0 };
	struct buf text = { 0 };

	assert_int_equal(fields_set_str(&ca.spec.type, type, &f->err), 0);
	assert_int_equal(fields_set_str(&ca.spec.cluster_name, names[of], &f->err), 0);
	x509_append_pem(pki->ca, &text);
	keys->tls = calloc(1, sizeof(*keys->tls));
	keys->tls_count = 1;
	assert_int_equal(fields_set_str(&keys->tls[0].cert, buf_str(&text), &f->err), 0);
	buf_clear(&text);
	assert_int_equal(sshkey_from_pubkey(key_public(pki->key), "", &ssh, &f->err), 0);
	sshkey_append_line(&ssh, &text);
	keys->ssh = calloc(1, sizeof(*keys->ssh));
	keys->ssh_count = 1;
	assert_int_equal(fields_set_str(&keys->ssh[0].public_key, buf_str(&text), &f->err), 0);
	if (map != NULL) {
		ca.spec.role_map = calloc(1, sizeof(*ca.spec.role_map));
		ca.spec.role_map_count = 1;
		assert_int_equal(
		        fields_set_str(&ca.spec.role_map[0].remote, "^team-(.*)$", &f->err), 0);
		assert_int_equal(fields_add_str(&ca.spec.role_map[0].local,
		                                &ca.spec.role_map[0].local_count, map, &f->err),
		                 0);
	}
	assert_int_equal(trust_add(f->trust, &ca, &f->err), 0);
	fields_release(&pv_CertAuthority_table, &ca);
	sshkey_deinit(&ssh);
	buf_deinit(&text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	for (int i = 0; i < CLUSTERS; i++) {
		pki_init(&f->users[i], "user CA"); /* names alike: only keys count */
		pki_init(&f->hosts[i], "host CA");
	}
	assert_int_equal(trust_new("leaf", &f->trust, &f->err), 0);
	add(f, "user", LEAF, &f->users[LEAF], NULL);
	add(f, "host", LEAF, &f->hosts[LEAF], NULL);
	add(f, "user", ROOT, &f->users[ROOT], "leaf-$1");
	add(f, "host", ROOT, &f->hosts[ROOT], NULL);
	add(f, "host", TWIG, &f->hosts[TWIG], NULL);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	trust_unref(f->trust);
	for (int i = 0; i < CLUSTERS; i++) {
		pki_deinit(&f->users[i]);
		pki_deinit(&f->hosts[i]);
	}
	peer_deinit(&f->peer);
	free(f);
	return 0;
}

/* What TLS would say of somebody whose certificate `by` signed. */
static int ask_tls(struct fixture *f, const struct pki *by, const pv_Identity *id)
{
	char *common_name = identity_common_name(id);
	struct buf bytes = { 0 };
	struct tls_peer tls = { 0 };
	struct pki_leaf leaf;
	int rc;

	assert_int_equal(fields_encode(&pv_Identity_table, id, &bytes, &f->err), 0);
	pki_issue(by,
	          (struct x509_spec){ .common_name = common_name,
	                              .identity = bytes.data,
	                              .identity_len = bytes.len },
	          &leaf);
	tls.cert = x509_info(leaf.cert);
	tls.ca = x509_info(by->ca)->pin;
	peer_deinit(&f->peer);
	rc = trust_tls_peer(f->trust, &tls, ADDR, PKI_NOW, &f->peer, &f->err);
	pki_leaf_deinit(&leaf);
	buf_deinit(&bytes);
	free(common_name);
	return rc;
}

static int ask_ssh(struct fixture *f, const struct pki *by, const pv_Identity *id)
{
	static const char *const principals[] = { "alice" };
	struct sshcert_option extension = { .name = IDENTITY_SSH_EXTENSION };
	struct sshcert_spec spec = { .type = SSHCERT_USER,
		                     .key_id = "alice",
		                     .principals = principals,
		                     .principal_count = 1,
		                     .not_before_ms = PKI_NOW - PKI_HOUR,
		                     .not_after_ms = PKI_NOW + PKI_HOUR,
		                     .extensions = &extension,
		                     .extension_count = 1 };
	struct sshkey subject = { 0 };
	struct buf text = { 0 }, line = { 0 };
	struct sshcert cert;
	int rc;

	assert_int_equal(sshkey_from_pubkey(key_public(by->key), "", &subject, &f->err), 0);
	assert_int_equal(identity_encode_ssh(id, &text, &f->err), 0);
	extension.value = buf_str(&text);
	spec.subject = &subject;
	assert_int_equal(sshcert_issue(&spec, by->key, &line, &f->err), 0);
	assert_int_equal(sshcert_parse_line(buf_str(&line), &cert, &f->err), 0);
	peer_deinit(&f->peer);
	rc = trust_ssh_peer(f->trust, &cert, ADDR, PKI_NOW, &f->peer, &f->err);
	sshcert_deinit(&cert);
	sshkey_deinit(&subject);
	buf_deinit(&text);
	buf_deinit(&line);
	return rc;
}

static char *roles[] = { (char *)"team-web", (char *)"admin" };
static char *no_team[] = { (char *)"admin" };

static pv_Identity person(enum cluster of)
{
	return (pv_Identity){ .user = (char *)"alice",
		              .roles = roles,
		              .roles_count = 2,
		              .cluster = (char *)(uintptr_t)names[of],
		              .expires = PKI_NOW + PKI_HOUR };
}

static pv_Identity host(enum cluster of, const char *system_role)
{
	return (pv_Identity){ .system_role = (char *)(uintptr_t)system_role,
		              .host_id = (char *)HOST_ID,
		              .cluster = (char *)(uintptr_t)names[of] };
}

static void our_own_are_who_they_say(void **state)
{
	struct fixture *f = *state;
	pv_Identity alice = person(LEAF), node = host(LEAF, "Node");

	assert_int_equal(ask_tls(f, &f->users[LEAF], &alice), 0);
	assert_int_equal(f->peer.kind, PEER_USER);
	assert_string_equal(f->peer.identity.user, "alice");
	assert_string_equal(f->peer.identity.roles[1], "admin");
	assert_string_equal(f->peer.addr, ADDR);
	assert_int_equal(ask_ssh(f, &f->users[LEAF], &alice), 0);
	assert_string_equal(f->peer.identity.user, "alice");
	assert_int_equal(ask_tls(f, &f->hosts[LEAF], &node), 0);
	assert_true(peer_is_host(&f->peer, "Node"));
}

static void without_a_certificate_one_is_anonymous(void **state)
{
	struct fixture *f = *state;
	const struct tls_peer nobody = { 0 };

	assert_int_equal(trust_tls_peer(f->trust, &nobody, ADDR, PKI_NOW, &f->peer, &f->err), 0);
	assert_int_equal(f->peer.kind, PEER_ANONYMOUS);
}

static void people_of_a_trusted_cluster_have_the_mapped_roles_and_another_name(void **state)
{
	struct fixture *f = *state;
	pv_Identity alice = person(ROOT);
	char *groups[] = { (char *)"system:masters" };

	alice.kubernetes_groups = groups;
	alice.kubernetes_groups_count = 1;
	for (int ssh = 0; ssh < 2; ssh++) {
		const pv_Identity *id = &f->peer.identity;

		assert_int_equal((ssh ? ask_ssh : ask_tls)(f, &f->users[ROOT], &alice), 0);
		assert_int_equal(f->peer.kind, PEER_USER);
		assert_string_equal(id->user, "remote-alice-root");
		assert_string_equal(id->cluster, "root");
		assert_int_equal(id->roles_count, 1);
		assert_string_equal(id->roles[0], "leaf-web");
		assert_int_equal(id->remote_roles_count, 2);
		assert_int_equal(id->kubernetes_groups_count, 0);
	}
}

static void without_a_mapped_role_nobody_comes_in(void **state)
{
	struct fixture *f = *state;
	pv_Identity alice = person(ROOT);

	alice.roles = no_team;
	alice.roles_count = 1;
	assert_int_equal(ask_tls(f, &f->users[ROOT], &alice), ERR_DENIED);
	assert_string_equal(f->err.msg, "'alice' of cluster 'root': no role of the other cluster "
	                                "maps to one here");
	assert_int_equal(ask_ssh(f, &f->users[ROOT], &alice), ERR_DENIED);
	assert_null(f->peer.identity.user);
}

/* Every key against every claim: only a cluster's own key speaks for it. */
static void a_key_speaks_for_its_own_cluster_and_kind_only(void **state)
{
	struct fixture *f = *state;

	for (int claim = 0; claim < CLUSTERS; claim++)
		for (int by = 0; by < CLUSTERS; by++) {
			pv_Identity alice = person((enum cluster)claim);
			pv_Identity proxy =
			        host((enum cluster)claim, claim == TWIG ? "Auth" : "Proxy");
			bool user = claim == by && (by == LEAF || by == ROOT);
			bool daemon = claim == by && by != ELSE;

			assert_int_equal(ask_tls(f, &f->users[by], &alice) == 0, user);
			assert_int_equal(ask_ssh(f, &f->users[by], &alice) == 0, user);
			assert_int_equal(ask_tls(f, &f->hosts[by], &proxy) == 0, daemon);
			assert_int_not_equal(ask_tls(f, &f->hosts[by], &alice), 0);
			assert_int_not_equal(ask_ssh(f, &f->hosts[by], &alice), 0);
			assert_int_not_equal(ask_tls(f, &f->users[by], &proxy), 0);
		}
}

static void the_daemons_of_another_cluster_are_never_ours(void **state)
{
	static const struct {
		enum cluster of;
		const char *role, *here;
	} rows[] = {
		{ ROOT, "Proxy", TRUST_ROOT_PROXY },
		{ ROOT, "Auth", NULL },
		{ ROOT, "Node", NULL },
		{ ROOT, "Tunnel", NULL },
		{ TWIG, "Proxy", NULL },
		{ TWIG, "Auth", TRUST_LEAF },
		{ TWIG, "Tunnel", TRUST_LEAF_TUNNEL },
		{ TWIG, "Node", NULL },
		{ TWIG, "RemoteProxy", NULL },
		{ ROOT, "RemoteProxy", NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pv_Identity id = host(rows[i].of, rows[i].role);
		int rc = ask_tls(f, &f->hosts[rows[i].of], &id);

		assert_int_equal(rc, rows[i].here != NULL ? 0 : ERR_DENIED);
		if (rc != 0)
			continue;
		assert_int_equal(f->peer.kind, PEER_REMOTE);
		assert_string_equal(f->peer.identity.system_role, rows[i].here);
		assert_false(peer_is_host(&f->peer, rows[i].role));
	}
}

static void what_no_certificate_may_carry_is_refused(void **state)
{
	struct fixture *f = *state;
	pv_Identity alice = person(LEAF);

	alice.remote_roles = roles;
	alice.remote_roles_count = 1;
	assert_int_equal(ask_tls(f, &f->users[LEAF], &alice), ERR_UNAUTHENTICATED);
	alice = person(ROOT);
	alice.remote_roles = roles;
	alice.remote_roles_count = 1;
	assert_int_equal(ask_ssh(f, &f->users[ROOT], &alice), ERR_UNAUTHENTICATED);
}

static void times_and_addresses_count_for_both(void **state)
{
	struct fixture *f = *state;

	for (int of = LEAF; of <= ROOT; of++) {
		pv_Identity alice = person((enum cluster)of);

		alice.expires = PKI_NOW;
		assert_int_equal(ask_tls(f, &f->users[of], &alice), ERR_UNAUTHENTICATED);
		alice.expires = PKI_NOW + 1;
		alice.client_ip = (char *)"192.0.2.8";
		assert_int_equal(ask_tls(f, &f->users[of], &alice), ERR_DENIED);
		assert_int_equal(ask_ssh(f, &f->users[of], &alice), ERR_DENIED);
	}
}

static void who_was_let_in_is_judged_by_the_map_of_now(void **state)
{
	struct fixture *f = *state;
	pv_Identity alice = person(ROOT);
	struct strlist now = { 0 };

	assert_int_equal(ask_tls(f, &f->users[ROOT], &alice), 0);
	assert_int_equal(trust_roles(f->trust, &f->peer.identity, &now, &f->err), 0);
	assert_int_equal(now.count, 1);
	strlist_deinit(&now);

	trust_unref(f->trust); /* the map is another */
	assert_int_equal(trust_new("leaf", &f->trust, &f->err), 0);
	add(f, "user", ROOT, &f->users[ROOT], "other-$1");
	assert_int_equal(trust_roles(f->trust, &f->peer.identity, &now, &f->err), 0);
	assert_string_equal(now.items[0], "other-web");
	strlist_deinit(&now);

	trust_unref(f->trust); /* the trust has ended */
	assert_int_equal(trust_new("leaf", &f->trust, &f->err), 0);
	assert_int_equal(trust_roles(f->trust, &f->peer.identity, &now, &f->err), ERR_DENIED);
	assert_string_equal(f->err.msg, "cluster 'root' is not trusted here");
}

static void sshd_is_told_of_people_and_not_of_hosts(void **state)
{
	struct fixture *f = *state;
	struct buf lines = { 0 };
	size_t count = 0;

	assert_int_equal(trust_append_ssh_keys(f->trust, "user", &lines, &f->err), 0);
	for (const char *at = buf_str(&lines); *at != 0; at++)
		count += *at == '\n';
	assert_int_equal(count, 2); /* ours and the root's */
	buf_deinit(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(our_own_are_who_they_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_certificate_one_is_anonymous, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(
		        people_of_a_trusted_cluster_have_the_mapped_roles_and_another_name, set_up,
		        tear_down),
		cmocka_unit_test_setup_teardown(without_a_mapped_role_nobody_comes_in, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_key_speaks_for_its_own_cluster_and_kind_only,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_daemons_of_another_cluster_are_never_ours,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_no_certificate_may_carry_is_refused, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(times_and_addresses_count_for_both, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(who_was_let_in_is_judged_by_the_map_of_now, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(sshd_is_told_of_people_and_not_of_hosts, set_up,
		                                tear_down),
	};

	return unit_run(tests);
}

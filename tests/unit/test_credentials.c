#include "daemon/credentials.h"

#include "base/str.h"
#include "file/file.h"
#include "model/trust.h"

#include "tests/unit/member.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	char dir[64];
	struct pki hosts;
	struct pki users;
	struct credentials c;
};

static const char *const files[] = { "tls.key", "ssh_host_key", "ssh_host_key-cert.pub",
	                             "credentials" };

static struct world *begin(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = { 0 };

	assert_non_null(w);
	strcpy(w->dir, "/tmp/test_credentials.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	pki_init(&w->hosts, "host CA");
	pki_init(&w->users, "user CA");
	member_check(credentials_open(&w->c, w->dir, &err), &err);
	return w;
}

static void end(struct world *w)
{
	char path[128];

	credentials_deinit(&w->c);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	pki_deinit(&w->hosts);
	pki_deinit(&w->users);
	free(w);
}

static void answer_for(struct world *w, const struct pubkey *key, pv_JoinResponse *out)
{
	member_answer(out, &w->hosts, &w->users, key, PKI_NOW, PKI_NOW + PKI_HOUR);
}

static void join(struct world *w)
{
	pv_JoinResponse answer;
	struct err err = { 0 };

	answer_for(w, key_public(w->c.tls_key), &answer);
	member_check(credentials_store(&w->c, &answer, &err), &err);
	fields_release(&pv_JoinResponse_table, &answer);
}

static void reopen(struct world *w)
{
	struct err err = { 0 };

	credentials_deinit(&w->c);
	member_check(credentials_open(&w->c, w->dir, &err), &err);
}

static int mode_of(const struct world *w, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void keys_are_made_once_and_for_the_owner_alone(void **state)
{
	struct world *w = begin();
	struct pin tls, ssh, again;

	(void)state;
	assert_false(w->c.joined);
	pubkey_pin(key_public(w->c.tls_key), &tls);
	pubkey_pin(key_public(w->c.ssh_key), &ssh);
	assert_false(pin_equal(&tls, &ssh));
	assert_int_equal(mode_of(w, "tls.key"), 0600);
	assert_int_equal(mode_of(w, "ssh_host_key"), 0600);
	reopen(w);
	pubkey_pin(key_public(w->c.tls_key), &again);
	assert_true(pin_equal(&again, &tls));
	pubkey_pin(key_public(w->c.ssh_key), &again);
	assert_true(pin_equal(&again, &ssh));
	end(w);
}

static void the_chain_gets_the_authority_that_signed_it(void **state)
{
	struct world *w = begin();

	(void)state;
	join(w);
	for (int i = 0; i < 2; i++) {
		assert_true(w->c.joined);
		assert_int_equal(w->c.parts.chain_len, 2);
		assert_true(pin_equal(&x509_info(w->c.parts.chain[1])->pin,
		                      &x509_info(w->hosts.ca)->pin));
		assert_int_equal(w->c.not_after_ms, PKI_NOW + PKI_HOUR);
		assert_int_equal(x509_set_count(w->c.parts.host_cas), 1);
		assert_int_equal(x509_set_count(trust_clients(w->c.parts.trust)), 2);
		assert_string_equal(w->c.answer.host_id, MEMBER_ID);
		assert_int_equal(mode_of(w, "credentials"), 0600);
		reopen(w); /* the same from disk */
	}
	end(w);
}

static void an_answer_that_does_not_fit_changes_nothing(void **state)
{
	struct world *w = begin();
	pv_JoinResponse answer;
	struct err err = { 0 };

	(void)state;
	join(w);
	answer_for(w, key_public(w->c.ssh_key), &answer);
	assert_int_equal(credentials_store(&w->c, &answer, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "another key"));
	fields_release(&pv_JoinResponse_table, &answer);

	member_answer(&answer, &w->users, &w->hosts, key_public(w->c.tls_key), PKI_NOW,
	              PKI_NOW + 9 * PKI_HOUR);
	member_check(fields_set_str(&answer.authorities[0].spec.type, "user", &err), &err);
	assert_int_equal(credentials_store(&w->c, &answer, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "no host authority"));
	fields_release(&pv_JoinResponse_table, &answer);

	/* Signed by the authority of people, which certifies no host. */
	member_answer(&answer, &w->users, &w->users, key_public(w->c.tls_key), PKI_NOW,
	              PKI_NOW + 9 * PKI_HOUR);
	fields_release(&pv_CertAuthority_table, &answer.authorities[0]);
	member_authority(&answer.authorities[0], "host", "host-key", &w->hosts);
	assert_int_not_equal(credentials_store(&w->c, &answer, &err), 0);
	fields_release(&pv_JoinResponse_table, &answer);

	reopen(w);
	assert_int_equal(w->c.not_after_ms, PKI_NOW + PKI_HOUR);
	end(w);
}

static void a_damaged_file_is_named(void **state)
{
	static const struct {
		const char *file;
		const char *said;
	} cases[] = {
		{ "credentials", "/credentials'" },
		{ "tls.key", "/tls.key'" },
		{ "ssh_host_key", "/ssh_host_key'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = begin();
		char path[128];
		struct err err = { 0 };

		join(w);
		credentials_deinit(&w->c);
		snprintf(path, sizeof(path), "%s/%s", w->dir, cases[i].file);
		member_check(file_replace(path, "nonsense", 8, 0600, &err), &err);
		assert_int_not_equal(credentials_open(&w->c, w->dir, &err), 0);
		assert_non_null(strstr(err.msg, cases[i].said));
		end(w);
	}
}

static void a_changed_authority_is_taken_and_kept(void **state)
{
	struct world *w = begin();
	struct pki fresh;
	pv_CertAuthority users;
	struct trust *before;
	struct err err = { 0 };

	(void)state;
	join(w);
	pki_init(&fresh, "new user CA");
	member_authority(&users, "user", "user-key", &w->users);
	before = w->c.parts.trust;
	member_check(credentials_store_authority(&w->c, &users, &err), &err);
	assert_ptr_equal(w->c.parts.trust, before); /* the very same */
	fields_release(&pv_CertAuthority_table, &users);

	member_authority(&users, "user", "new-key", &fresh);
	member_check(credentials_store_authority(&w->c, &users, &err), &err);
	fields_release(&pv_CertAuthority_table, &users);
	reopen(w);
	assert_int_equal(x509_set_count(trust_clients(w->c.parts.trust)), 2);
	assert_string_equal(
	        credentials_authority(&w->c.answer, "user")->spec.active_keys.ssh[0].public_key,
	        "new-key");
	pki_deinit(&fresh);
	end(w);
}

static void another_clusters_authority_lasts_until_it_is_dropped(void **state)
{
	struct world *w = begin();
	pv_CertAuthority ca;
	pv_JoinResponse answer;
	struct pki other;
	struct err err = { 0 };

	(void)state;
	join(w);
	pki_init(&other, "root user CA");
	member_authority(&ca, "user", "root-key", &other);
	member_check(fields_set_str(&ca.spec.cluster_name, "root", &err), &err);
	member_check(credentials_store_authority(&w->c, &ca, &err), &err);
	assert_true(trust_has_key(w->c.parts.trust, "user", "root", &x509_info(other.ca)->pin));
	/* Of its own name only, and no host of ours. */
	assert_false(
	        trust_has_key(w->c.parts.trust, "user", MEMBER_CLUSTER, &x509_info(other.ca)->pin));
	assert_false(x509_set_has(w->c.parts.host_cas, &x509_info(other.ca)->pin));
	assert_string_equal(credentials_authority(&w->c.answer, "user")->spec.cluster_name,
	                    MEMBER_CLUSTER);

	answer_for(w, key_public(w->c.tls_key), &answer); /* a renewal */
	member_check(credentials_store(&w->c, &answer, &err), &err);
	fields_release(&pv_JoinResponse_table, &answer);
	assert_non_null(trust_authority(w->c.parts.trust, "user", "root"));

	member_check(credentials_drop_authority(&w->c, "user", MEMBER_CLUSTER, &err), &err);
	assert_non_null(trust_authority(w->c.parts.trust, "user", MEMBER_CLUSTER));
	member_check(credentials_drop_authority(&w->c, "user", "root", &err), &err);
	assert_null(trust_authority(w->c.parts.trust, "user", "root"));

	member_check(credentials_store_authority(&w->c, &ca, &err), &err);
	reopen(w); /* the cluster's state says it anew, or it does not */
	assert_null(trust_authority(w->c.parts.trust, "user", "root"));
	fields_release(&pv_CertAuthority_table, &ca);
	pki_deinit(&other);
	end(w);
}

static void set_revision(pv_CertAuthority *ca, const char *revision)
{
	struct err err;

	ca->has_metadata = true;
	assert_int_equal(fields_set_str(&ca->metadata.revision, revision, &err), 0);
}

/* What a disk's old copy or a slow answer says of it. */
static void an_older_authority_changes_nothing(void **state)
{
	struct world *w = begin();
	pv_CertAuthority present, stale;
	pv_JoinResponse answer;
	struct pki fresh;
	struct err err = { 0 };

	(void)state;
	join(w);
	pki_init(&fresh, "new user CA");
	member_authority(&present, "user", "new-key", &fresh);
	set_revision(&present, "17");
	member_check(credentials_store_authority(&w->c, &present, &err), &err);
	member_authority(&stale, "user", "user-key", &w->users);
	set_revision(&stale, "9");
	member_check(credentials_store_authority(&w->c, &stale, &err), &err);
	assert_string_equal(w->c.answer.authorities[1].metadata.revision, "17");
	answer_for(w, key_public(w->c.tls_key), &answer);
	set_revision(&answer.authorities[1], "16");
	member_check(credentials_store(&w->c, &answer, &err), &err);
	assert_string_equal(w->c.answer.authorities[1].spec.active_keys.ssh[0].public_key,
	                    "new-key");
	fields_release(&pv_JoinResponse_table, &answer);
	fields_release(&pv_CertAuthority_table, &present);
	fields_release(&pv_CertAuthority_table, &stale);
	pki_deinit(&fresh);
	end(w);
}

/* As a client it shows the new key's certificate, as a server still the old one's, and how the new
 * key vouches for that. */
static void in_a_rotation_there_are_two_chains(void **state)
{
	struct world *w = begin();
	pv_JoinResponse answer, old;
	pv_CertAuthority *ca;
	struct buf pem = { 0 };
	struct x509 *cross;
	struct pki next;
	struct err err = { 0 };

	(void)state;
	pki_init(&next, x509_info(w->hosts.ca)->common_name);
	answer_for(w, key_public(w->c.tls_key), &old);
	member_answer(&answer, &next, &w->users, key_public(w->c.tls_key), PKI_NOW,
	              PKI_NOW + PKI_HOUR);
	fields_set_str(&answer.tls_server_certificate, old.tls_certificate, &err);
	ca = &answer.authorities[0];
	ca->spec.has_rotation = ca->spec.has_additional_trusted_keys = true;
	fields_set_str(&ca->spec.rotation.phase, "update_clients", &err);
	ca->spec.additional_trusted_keys = old.authorities[0].spec.active_keys;
	old.authorities[0].spec.active_keys = (pv_CaKeys)pv_CaKeys_init_zero;
	assert_int_equal(x509_issue_cross(w->hosts.ca, next.ca, next.key, &cross, &err), 0);
	x509_append_pem(cross, &pem);
	fields_set_str(&ca->spec.additional_trusted_keys.tls[0].cross_cert, buf_str(&pem), &err);
	member_check(credentials_store(&w->c, &answer, &err), &err);
	assert_true(w->c.parts.fits);
	assert_int_equal(w->c.parts.chain_len, 2);
	assert_true(pin_equal(&x509_info(w->c.parts.chain[1])->pin, &x509_info(next.ca)->pin));
	assert_int_equal(w->c.parts.server_chain_len, 4);
	for (int i = 1; i < 3; i++)
		assert_true(pin_equal(&x509_info(w->c.parts.server_chain[i])->pin,
		                      &x509_info(w->hosts.ca)->pin));
	assert_true(
	        pin_equal(&x509_info(w->c.parts.server_chain[3])->pin, &x509_info(next.ca)->pin));
	fields_release(&pv_JoinResponse_table, &answer);
	fields_release(&pv_JoinResponse_table, &old);
	x509_unref(cross);
	buf_deinit(&pem);
	pki_deinit(&next);
	end(w);
}

static void public_keys_are_told_as_authd_reads_them(void **state)
{
	struct world *w = begin();
	char *ssh = NULL;
	char *tls = NULL;
	struct err err = { 0 };

	(void)state;
	member_check(credentials_public_keys(&w->c, &ssh, &tls, &err), &err);
	assert_true(str_starts(ssh, "ecdsa-sha2-nistp256 "));
	assert_true(str_starts(tls, "-----BEGIN PUBLIC KEY-----"));
	free(ssh);
	free(tls);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_made_once_and_for_the_owner_alone),
		cmocka_unit_test(the_chain_gets_the_authority_that_signed_it),
		cmocka_unit_test(an_answer_that_does_not_fit_changes_nothing),
		cmocka_unit_test(a_damaged_file_is_named),
		cmocka_unit_test(a_changed_authority_is_taken_and_kept),
		cmocka_unit_test(another_clusters_authority_lasts_until_it_is_dropped),
		cmocka_unit_test(an_older_authority_changes_nothing),
		cmocka_unit_test(in_a_rotation_there_are_two_chains),
		cmocka_unit_test(public_keys_are_told_as_authd_reads_them),
	};

	return unit_run(tests);
}

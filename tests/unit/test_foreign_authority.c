#include "model/foreign_authority.h"

#include "base/buf.h"
#include "crypto/sshkey.h"
#include "model/trust.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
	struct pki pki;
	pv_CertAuthority said; /* a sound one; tests spoil it */
	pv_CertAuthority read;
	struct err err;
};

static void set(char **field, const char *text)
{
	struct err err;

	assert_int_equal(fields_set_str(field, text, &err), 0);
}

static void add_keys(const struct pki *pki, pv_CaKeys *keys)
{
	struct sshkey ssh = { 0 };
	struct buf text = { 0 };
	struct err err;

	keys->tls = calloc(1, sizeof(*keys->tls));
	keys->ssh = calloc(1, sizeof(*keys->ssh));
	keys->tls_count = keys->ssh_count = 1;
	x509_append_pem(pki->ca, &text);
	set(&keys->tls[0].cert, buf_str(&text));
	buf_clear(&text);
	assert_int_equal(sshkey_from_pubkey(key_public(pki->key), "a comment", &ssh, &err), 0);
	sshkey_append_line(&ssh, &text);
	set(&keys->ssh[0].public_key, buf_str(&text));
	sshkey_deinit(&ssh);
	buf_deinit(&text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	pki_init(&f->pki, "leaf host authority");
	f->said.has_spec = f->said.spec.has_active_keys = true;
	set(&f->said.spec.type, "host");
	set(&f->said.spec.cluster_name, "leaf");
	add_keys(&f->pki, &f->said.spec.active_keys);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fields_release(&pv_CertAuthority_table, &f->said);
	fields_release(&pv_CertAuthority_table, &f->read);
	pki_deinit(&f->pki);
	free(f);
	return 0;
}

static int read_it(struct fixture *f)
{
	return foreign_authority_read(&f->said, "host", "leaf", &f->read, &f->err);
}

static void only_public_keys_and_the_expected_names_are_kept(void **state)
{
	struct fixture *f = *state;
	pv_TlsKeyPair *tls = f->said.spec.active_keys.tls;

	assert_int_equal(fields_set_bytes(&tls->key, "secret", 6, &f->err), 0);
	set(&tls->cross_cert, "whatever");
	set(&f->said.metadata.name, "../root");
	f->said.has_metadata = true;
	f->said.spec.role_map = calloc(1, sizeof(*f->said.spec.role_map));
	f->said.spec.role_map_count = 1;
	set(&f->said.spec.role_map[0].remote, "*");
	assert_int_equal(read_it(f), 0);
	assert_string_equal(f->read.metadata.name, "leaf");
	assert_string_equal(f->read.sub_kind, "host");
	assert_string_equal(f->read.spec.active_keys.tls[0].cert, tls->cert);
	assert_null(f->read.spec.active_keys.tls[0].key);
	assert_null(f->read.spec.active_keys.tls[0].cross_cert);
	assert_null(strstr(f->read.spec.active_keys.ssh[0].public_key, "comment"));
	assert_int_equal(f->read.spec.role_map_count, 0);
}

static void what_is_another_one_or_none_is_refused(void **state)
{
	static const struct {
		const char *type, *cluster, *cert, *ssh, *says;
	} rows[] = {
		{ "user", NULL, NULL, NULL, "a host authority was expected" },
		{ NULL, "root", NULL, NULL, "an authority of cluster 'root', not of 'leaf'" },
		{ NULL, NULL, "nonsense", NULL, "tls[0]: " },
		{ NULL, NULL, "", NULL, "tls[0]: " },
		{ NULL, NULL, NULL, "ssh-rsa AAAA", "ssh[0]: " },
		{ NULL, NULL, NULL, "", "ssh[0]: " },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pv_CertAuthority sound;
		pv_CertAuthoritySpec *spec = &f->said.spec;

		assert_int_equal(fields_clone(&pv_CertAuthority_table, &f->said, &sound, &f->err),
		                 0);
		if (rows[i].type != NULL)
			set(&spec->type, rows[i].type);
		if (rows[i].cluster != NULL)
			set(&spec->cluster_name, rows[i].cluster);
		if (rows[i].cert != NULL)
			set(&spec->active_keys.tls[0].cert, rows[i].cert);
		if (rows[i].ssh != NULL)
			set(&spec->active_keys.ssh[0].public_key, rows[i].ssh);
		assert_int_equal(read_it(f), ERR_INVALID);
		if (strstr(f->err.msg, rows[i].says) != f->err.msg)
			fail_msg("row %zu: %s", i, f->err.msg);
		fields_release(&pv_CertAuthority_table, &f->said);
		f->said = sound;
	}
}

static void a_leaf_certificate_is_no_authority(void **state)
{
	struct fixture *f = *state;
	struct pki_leaf leaf;
	struct buf pem = { 0 };

	pki_issue(&f->pki, (struct x509_spec){ .common_name = "alice" }, &leaf);
	x509_append_pem(leaf.cert, &pem);
	set(&f->said.spec.active_keys.tls[0].cert, buf_str(&pem));
	assert_int_equal(read_it(f), ERR_INVALID);
	assert_non_null(strstr(f->err.msg, "is not that of a CA"));
	buf_deinit(&pem);
	pki_leaf_deinit(&leaf);
}

static void keys_are_there_and_few(void **state)
{
	struct fixture *f = *state;
	pv_CaKeys *keys = &f->said.spec.active_keys;
	pb_size_t count = keys->tls_count;

	keys->tls_count = 0;
	assert_int_equal(read_it(f), ERR_INVALID);
	assert_string_equal(f->err.msg, "an authority without keys");
	keys->tls_count = count;
	for (int i = 0; i < FOREIGN_KEYS_MAX; i++)
		assert_non_null(
		        fields_add(&keys->tls, &keys->tls_count, sizeof(*keys->tls), &f->err));
	assert_int_equal(read_it(f), ERR_INVALID);
	assert_string_equal(f->err.msg, "more than 4 keys");
}

static void a_key_of_a_cluster_that_is_known_is_seen(void **state)
{
	struct fixture *f = *state;
	struct trust *trust;

	assert_int_equal(trust_new("root", &trust, &f->err), 0);
	assert_int_equal(read_it(f), 0);
	assert_false(foreign_authority_is_known(&f->read, trust));
	assert_int_equal(trust_add(trust, &f->said, &f->err), 0);
	assert_true(foreign_authority_is_known(&f->read, trust));
	trust_unref(trust);
}

#define with(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(only_public_keys_and_the_expected_names_are_kept),
		with(what_is_another_one_or_none_is_refused),
		with(a_leaf_certificate_is_no_authority),
		with(keys_are_there_and_few),
		with(a_key_of_a_cluster_that_is_known_is_seen),
	};

	return unit_run(tests);
}

#include "crypto/x509.h"

#include "base/buf.h"
#include "crypto/x509_set.h"

#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

static int set_up(void **state)
{
	struct pki *p = calloc(1, sizeof(*p));

	pki_init(p, "example.com user CA");
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	pki_deinit(*state);
	free(*state);
	return 0;
}

static void a_name_stays_one_value_whatever_it_holds(void **state)
{
	static const char *const nasty[] = {
		"ops,O=admin", "a+CN=root",    "a/CN=root", "\"quoted\"", "back\\slash",    "#hash",
		" leading",    "semi;colon=x", "<tag>",     "zażółć",     "2.5.4.10=admin",
	};
	const size_t count = sizeof(nasty) / sizeof(nasty[0]);
	const struct x509_info *info;
	struct pki_leaf leaf;

	for (size_t i = 0; i < count; i++) {
		pki_issue(*state,
		          (struct x509_spec){ .common_name = nasty[i],
		                              .organizations = nasty,
		                              .organization_count = count },
		          &leaf);
		info = x509_info(leaf.cert);
		assert_string_equal(info->common_name, nasty[i]);
		assert_int_equal(info->organization_count, count);
		for (size_t o = 0; o < count; o++)
			assert_string_equal(info->organizations[o], nasty[o]);
		pki_leaf_deinit(&leaf);
	}
}

static void names_of_the_longest_length_fit(void **state)
{
	char name[X509_NAME_MAX + 1];
	struct pki_leaf leaf;

	memset(name, 'x', X509_NAME_MAX);
	name[X509_NAME_MAX] = 0;
	pki_issue(*state, (struct x509_spec){ .common_name = name }, &leaf);
	assert_string_equal(x509_info(leaf.cert)->common_name, name);
	pki_leaf_deinit(&leaf);
}

static void everything_asked_for_is_in_the_certificate(void **state)
{
	static const char *const hosts[] = { "web-1.example.com", "*.example.com", "192.0.2.1",
		                             "2001:db8::1" };
	const struct pki *p = *state;
	const struct x509_info *info;
	struct pki_leaf leaf;

	pki_issue(p,
	          (struct x509_spec){ .common_name = "web-1",
	                              .hosts = hosts,
	                              .host_count = 4,
	                              .identity = "\x0a\x00\xff",
	                              .identity_len = 3,
	                              .not_before_ms = PKI_NOW - 60000,
	                              .not_after_ms = INT64_C(2524608000000), /* in 2050 */
	                              .usage = X509_CLIENT | X509_SERVER },
	          &leaf);
	info = x509_info(leaf.cert);
	assert_int_equal(info->host_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(info->hosts[i], hosts[i]);
	assert_int_equal(info->identity_len, 3);
	assert_memory_equal(info->identity, "\x0a\x00\xff", 3);
	assert_int_equal(info->not_before_ms, PKI_NOW - 60000);
	assert_true(info->not_after_ms == INT64_C(2524608000000));
	assert_false(info->is_ca);
	assert_int_equal(strlen(info->serial), 32);
	assert_true(pubkey_equal(x509_public(leaf.cert), key_public(leaf.key)));
	assert_int_equal(
	        x509_set_verify(p->trust, leaf.cert, NULL, 0, PKI_NOW, NULL, &(struct err){ 0 }),
	        0);
	pki_leaf_deinit(&leaf);
}

static void a_spec_with_a_bad_name_host_or_time_is_refused(void **state)
{
	static const char *const bad_names[] = { "",         "a\nb",         "\x7f",   "\xff",
		                                 "\xc0\x80", "\xed\xa0\x80", "cut\xc5" };
	static const char *const bad_hosts[] = { "",  "a b",     "a..b",      ".a", "a.",
		                                 "*", "a.*.com", "1.2.3.4/8", "a,b" };
	const struct pki *p = *state;
	const struct x509_spec good = { .subject_key = key_public(p->key),
		                        .common_name = "alice",
		                        .not_before_ms = PKI_NOW,
		                        .not_after_ms = PKI_NOW + PKI_HOUR,
		                        .usage = X509_CLIENT };
	char too_long[X509_NAME_MAX + 2];
	struct x509 *cert;
	struct err err;

	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		struct x509_spec cn = good, o = good;

		cn.common_name = bad_names[i];
		assert_int_equal(x509_issue(&cn, p->ca, p->key, &cert, &err), ERR_INVALID);
		o.organizations = &bad_names[i];
		o.organization_count = 1;
		assert_int_equal(x509_issue(&o, p->ca, p->key, &cert, &err), ERR_INVALID);
	}
	for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
		struct x509_spec s = good;

		s.hosts = &bad_hosts[i];
		s.host_count = 1;
		assert_int_equal(x509_issue(&s, p->ca, p->key, &cert, &err), ERR_INVALID);
	}
	memset(too_long, 'x', sizeof(too_long));
	too_long[X509_NAME_MAX + 1] = 0;
	for (int i = 0; i < 3; i++) {
		struct x509_spec s = good;

		s.common_name = i == 0 ? too_long : good.common_name;
		s.usage = i == 1 ? 0 : good.usage;
		s.not_after_ms = i == 2 ? good.not_before_ms : good.not_after_ms;
		assert_int_equal(x509_issue(&s, p->ca, p->key, &cert, &err), ERR_INVALID);
	}
}

static void only_a_ca_with_its_own_key_issues(void **state)
{
	const struct pki *p = *state;
	struct pki_leaf leaf;
	struct x509_spec s = { .subject_key = key_public(p->key),
		               .common_name = "mallory",
		               .not_after_ms = PKI_NOW,
		               .usage = X509_CLIENT };
	struct x509 *cert;
	struct err err;

	pki_issue(p, (struct x509_spec){ .common_name = "alice" }, &leaf);
	assert_int_equal(x509_issue(&s, leaf.cert, leaf.key, &cert, &err), ERR_INVALID);
	assert_int_equal(x509_issue(&s, p->ca, leaf.key, &cert, &err), ERR_INVALID);
	pki_leaf_deinit(&leaf);
}

static void a_leaf_does_not_pass_as_an_authority(void **state)
{
	struct pki_leaf leaf;
	struct x509_set *set;
	struct err err;

	pki_issue(*state, (struct x509_spec){ .common_name = "alice" }, &leaf);
	assert_int_equal(x509_set_new(&set, &err), 0);
	assert_int_equal(x509_set_add(set, leaf.cert, &err), ERR_INVALID);
	x509_set_unref(set);
	pki_leaf_deinit(&leaf);
}

static void verifying_names_the_reason(void **state)
{
	const struct pki *p = *state;
	struct pki other;
	struct pki_leaf leaf;
	struct err err;
	struct pin ca;

	pki_init(&other, "example.com user CA");
	pki_issue(p, (struct x509_spec){ .common_name = "alice" }, &leaf);
	assert_int_equal(x509_set_verify(p->trust, leaf.cert, NULL, 0, PKI_NOW, &ca, &err), 0);
	assert_true(pin_equal(&ca, &x509_info(p->ca)->pin));
	assert_int_equal(x509_set_verify(other.trust, leaf.cert, NULL, 0, PKI_NOW, NULL, &err),
	                 ERR_UNTRUSTED);
	assert_string_equal(err.msg, "certificate of 'alice' is not signed by a trusted authority");
	assert_int_equal(
	        x509_set_verify(p->trust, leaf.cert, NULL, 0, PKI_NOW + 2 * PKI_HOUR, NULL, &err),
	        ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "expired at 2027-01-15T09:00:00"));
	assert_int_equal(
	        x509_set_verify(p->trust, leaf.cert, NULL, 0, PKI_NOW - 2 * PKI_HOUR, NULL, &err),
	        ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "is not valid before 2027-01-15T07:00:00"));
	pki_leaf_deinit(&leaf);
	pki_deinit(&other);
}

static void an_authority_certifies_its_own_next_key_and_nothing_else(void **state)
{
	const struct pki *p = *state;
	struct pki next, stranger;
	struct pki_leaf leaf;
	struct x509 *cross, *none;
	struct err err;
	struct pin ca;

	pki_init(&next, x509_info(p->ca)->common_name);
	pki_init(&stranger, "somebody else");
	pki_issue(&next, (struct x509_spec){ .common_name = "web-1" }, &leaf);
	assert_int_equal(x509_issue_cross(next.ca, p->ca, p->key, &cross, &err), 0);
	assert_true(x509_info(cross)->is_ca);
	assert_true(pin_equal(&x509_info(cross)->pin, &x509_info(next.ca)->pin));
	assert_int_equal(x509_set_verify(p->trust, cross, NULL, 0, PKI_NOW, &ca, &err), 0);
	assert_true(pin_equal(&ca, &x509_info(p->ca)->pin));
	assert_int_equal(x509_issue_cross(stranger.ca, p->ca, p->key, &none, &err), ERR_INVALID);
	assert_int_equal(x509_issue_cross(leaf.cert, p->ca, p->key, &none, &err), ERR_INVALID);
	assert_int_equal(x509_issue_cross(next.ca, p->ca, next.key, &none, &err), ERR_INVALID);
	x509_unref(cross);
	pki_leaf_deinit(&leaf);
	pki_deinit(&stranger);
	pki_deinit(&next);
}

static void generations_depend_on_the_keys_and_not_on_their_order(void **state)
{
	const struct pki *p = *state;
	uint8_t a[HASH_SIZE], b[HASH_SIZE];
	struct pki other;
	struct x509_set *set;
	struct err err;

	pki_init(&other, "example.com user CA");
	assert_int_equal(x509_set_new(&set, &err), 0);
	assert_int_equal(x509_set_add(set, other.ca, &err), 0);
	assert_int_equal(x509_set_generation(p->trust, a, &err), 0);
	assert_int_equal(x509_set_generation(set, b, &err), 0);
	assert_memory_not_equal(a, b, HASH_SIZE);
	assert_int_equal(x509_set_add(set, p->ca, &err), 0);
	assert_int_equal(x509_set_add(set, p->ca, &err), 0); /* is in already */
	assert_int_equal(x509_set_count(set), 2);
	assert_int_equal(x509_set_add(p->trust, other.ca, &err), 0);
	assert_int_equal(x509_set_generation(p->trust, a, &err), 0);
	assert_int_equal(x509_set_generation(set, b, &err), 0);
	assert_memory_equal(a, b, HASH_SIZE);
	x509_set_unref(set);
	pki_deinit(&other);
}

static void certificates_survive_pem_and_come_in_bundles(void **state)
{
	const struct pki *p = *state;
	struct buf pem = { 0 };
	struct pki_leaf leaf;
	struct x509_set *set;
	struct x509 **list;
	struct err err;
	size_t count;

	pki_issue(p, (struct x509_spec){ .common_name = "alice" }, &leaf);
	buf_append_str(&pem, "# a comment\n");
	x509_append_pem(leaf.cert, &pem);
	x509_append_pem(p->ca, &pem);
	assert_int_equal(x509_load_all(buf_str(&pem), pem.len, 8, &list, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_string_equal(x509_info(list[0])->fingerprint, x509_info(leaf.cert)->fingerprint);
	assert_true(x509_info(list[1])->is_ca);
	x509_unref_all(list, count);
	assert_int_equal(x509_load_all(buf_str(&pem), pem.len, 1, &list, &count, &err), ERR_LIMIT);
	assert_int_equal(x509_load_all("", 0, 8, &list, &count, &err), ERR_INVALID);
	assert_int_equal(x509_set_new(&set, &err), 0);
	assert_int_equal(x509_set_add_bundle(set, "", 0, &err), ERR_INVALID);
	assert_int_equal(x509_set_add_bundle(set, pem.data, pem.len, &err), 0);
	assert_int_equal(x509_set_count(set), 2);
	assert_int_equal(x509_set_verify(set, leaf.cert, NULL, 0, PKI_NOW, NULL, &err), 0);
	x509_set_unref(set);
	buf_deinit(&pem);
	pki_leaf_deinit(&leaf);
}

/* A broken certificate never loads; a changed one that still reads never verifies. */
static void any_changed_byte_is_noticed(void **state)
{
	const struct pki *p = *state;
	uint8_t copy[2048];
	struct pki_leaf leaf;
	const uint8_t *der;
	struct x509 *cert;
	struct err err;
	size_t len;

	pki_issue(p, (struct x509_spec){ .common_name = "alice" }, &leaf);
	der = x509_der(leaf.cert, &len);
	assert_true(len < sizeof(copy));
	for (size_t i = 0; i < len; i += 3) {
		memcpy(copy, der, len);
		copy[i] ^= 0x01;
		assert_int_not_equal(x509_load(der, i, &cert, &err), 0);
		if (x509_load(copy, len, &cert, &err) != 0)
			continue;
		assert_int_equal(x509_set_verify(p->trust, cert, NULL, 0, PKI_NOW, NULL, &err),
		                 ERR_UNTRUSTED);
		x509_unref(cert);
	}
	pki_leaf_deinit(&leaf);
}

static void hosts_match_as_the_rfc_says(void **state)
{
	static const char *const hosts[] = { "web-1.example.com", "*.nodes.example.com",
		                             "192.0.2.1", "2001:db8::1", "*.com" };
	static const struct {
		const char *host;
		bool match;
	} cases[] = {
		{ "web-1.example.com", true },   { "WEB-1.Example.Com", true },
		{ "web-2.example.com", false },  { "a.nodes.example.com", true },
		{ "nodes.example.com", false },  { "a.b.nodes.example.com", false },
		{ ".nodes.example.com", false }, { "192.0.2.1", true },
		{ "192.0.2.2", false },          { "2001:DB8:0::1", true },
		{ "2001:db8::2", false },        { "", false },
		{ "example.com", false },        /* "*.com" stands for nothing */ { "com", false },
	};
	const struct x509_info info = { .hosts = hosts, .host_count = 5 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (x509_is_for_host(&info, cases[i].host) != cases[i].match)
			fail_msg("%s", cases[i].host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_stays_one_value_whatever_it_holds),
		cmocka_unit_test(names_of_the_longest_length_fit),
		cmocka_unit_test(everything_asked_for_is_in_the_certificate),
		cmocka_unit_test(a_spec_with_a_bad_name_host_or_time_is_refused),
		cmocka_unit_test(only_a_ca_with_its_own_key_issues),
		cmocka_unit_test(a_leaf_does_not_pass_as_an_authority),
		cmocka_unit_test(verifying_names_the_reason),
		cmocka_unit_test(an_authority_certifies_its_own_next_key_and_nothing_else),
		cmocka_unit_test_setup_teardown(
		        generations_depend_on_the_keys_and_not_on_their_order, set_up, tear_down),
		cmocka_unit_test(certificates_survive_pem_and_come_in_bundles),
		cmocka_unit_test(any_changed_byte_is_noticed),
		cmocka_unit_test(hosts_match_as_the_rfc_says),
	};

	return unit_run_with(tests, set_up, tear_down);
}

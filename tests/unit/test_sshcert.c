#include "crypto/sshcert.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"

#include "tests/unit/ssh_samples.h"
#include "tests/unit/unit.h"

#include <string.h>

#define NOW  INT64_C(1800000000000) /* in January 2027 */
#define HOUR INT64_C(3600000)

static const char *const principals[] = { "root", "alice" };
static const struct sshcert_option extensions[] = { { "permit-pty", NULL },
	                                            { "identity@postern", "abc" },
	                                            { "permit-X11-forwarding", NULL } };

struct authority {
	struct key *key;
	struct sshkey public;
};

static int set_up(void **state)
{
	struct authority *a = calloc(1, sizeof(*a));
	struct err err;

	assert_int_equal(key_generate(&a->key, &err), 0);
	assert_int_equal(sshkey_from_pubkey(key_public(a->key), "", &a->public, &err), 0);
	*state = a;
	return 0;
}

static int tear_down(void **state)
{
	struct authority *a = *state;

	sshkey_deinit(&a->public);
	key_unref(a->key);
	free(a);
	return 0;
}

static struct sshcert_spec spec_for(const struct sshkey *subject)
{
	return (struct sshcert_spec){
		.type = SSHCERT_USER,
		.subject = subject,
		.serial = UINT64_C(0x1122334455667788),
		.key_id = "alice",
		.principals = principals,
		.principal_count = 2,
		.not_before_ms = NOW - HOUR,
		.not_after_ms = NOW + HOUR,
		.extensions = extensions,
		.extension_count = 3,
	};
}

/* Issues and reads again. */
static void issue(const struct sshcert_spec *spec, const struct authority *a, struct sshcert *out)
{
	struct buf line = { 0 };
	struct err err;

	if (sshcert_issue(spec, a->key, &line, &err) != 0 ||
	    sshcert_parse_line(buf_str(&line), out, &err) != 0)
		fail_msg("%s", err.msg);
	buf_deinit(&line);
}

static void any_kind_of_key_is_certified_and_verified(void **state)
{
	const struct authority *a = *state;
	struct sshcert_spec spec;
	struct sshkey subject;
	struct sshcert c;
	struct err err;

	for (size_t i = 0; i < SSH_SAMPLES; i++) {
		assert_int_equal(sshkey_parse_line(ssh_samples[i].line, &subject, &err), 0);
		spec = spec_for(&subject);
		issue(&spec, a, &c);
		assert_int_equal(sshcert_verify(&c, &a->public, 1, NOW, &err), 0);
		assert_string_equal(c.subject.type, subject.type);
		assert_int_equal(c.subject.blob_len, subject.blob_len);
		assert_memory_equal(c.subject.blob, subject.blob, subject.blob_len);
		sshcert_deinit(&c);
		sshkey_deinit(&subject);
	}
}

static void every_field_comes_back(void **state)
{
	const struct authority *a = *state;
	const struct sshcert_option critical = { "source-address", "10.0.0.0/8" };
	struct sshcert_spec spec = spec_for(&a->public);
	struct sshcert c;

	spec.type = SSHCERT_HOST;
	spec.critical = &critical;
	spec.critical_count = 1;
	issue(&spec, a, &c);
	assert_int_equal(c.type, SSHCERT_HOST);
	assert_true(c.serial == spec.serial);
	assert_string_equal(c.key_id, "alice");
	assert_int_equal(c.principal_count, 2);
	assert_string_equal(c.principals[0], "root");
	assert_string_equal(c.principals[1], "alice");
	assert_int_equal(c.not_before_ms, NOW - HOUR);
	assert_int_equal(c.not_after_ms, NOW + HOUR);
	assert_string_equal(c.critical[0].name, "source-address");
	assert_string_equal(c.critical[0].value, "10.0.0.0/8");
	assert_int_equal(c.extension_count, 3);
	assert_string_equal(c.extensions[0].name, "identity@postern"); /* sorted */
	assert_string_equal(c.extensions[1].name, "permit-X11-forwarding");
	assert_string_equal(sshcert_extension(&c, "identity@postern"), "abc");
	assert_string_equal(sshcert_extension(&c, "permit-pty"), "");
	assert_null(sshcert_extension(&c, "permit-agent-forwarding"));
	sshcert_deinit(&c);
}

static void a_certificate_of_ssh_keygen_is_read_and_verified(void **state)
{
	struct sshcert c;
	struct sshkey ca;
	struct err err;

	(void)state;
	if (sshcert_parse_line(ssh_cert, &c, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(sshkey_parse_line(ssh_cert_ca, &ca, &err), 0);
	assert_int_equal(sshcert_verify(&c, &ca, 1, NOW, &err), 0);
	assert_string_equal(c.key_id, "alice key");
	assert_int_equal(c.serial, 42);
	assert_string_equal(c.critical[0].name, "force-command");
	assert_string_equal(c.critical[0].value, "/bin/true");
	assert_string_equal(sshcert_extension(&c, "identity@postern"), "abc");
	sshkey_deinit(&ca);
	sshcert_deinit(&c);
}

static void another_authority_is_refused(void **state)
{
	const struct authority *a = *state;
	struct sshcert_spec spec = spec_for(&a->public);
	struct sshkey other;
	struct sshcert c;
	struct err err;

	assert_int_equal(sshkey_parse_line(ssh_samples[2].line, &other, &err), 0);
	issue(&spec, a, &c);
	assert_int_equal(sshcert_verify(&c, &other, 1, NOW, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "not signed by a trusted authority"));
	assert_int_equal(sshcert_verify(&c, NULL, 0, NOW, &err), ERR_UNAUTHENTICATED);
	sshcert_deinit(&c);
	sshkey_deinit(&other);
}

static void times_are_kept_to_and_named(void **state)
{
	const struct authority *a = *state;
	struct sshcert_spec spec = spec_for(&a->public);
	struct sshcert c;
	struct err err;

	issue(&spec, a, &c);
	assert_int_equal(sshcert_verify(&c, &a->public, 1, NOW + HOUR - 1, &err), 0);
	assert_int_equal(sshcert_verify(&c, &a->public, 1, NOW + HOUR, &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "expired at 2027-01-15T09:00:00"));
	assert_int_equal(sshcert_verify(&c, &a->public, 1, NOW - HOUR - 1, &err),
	                 ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "not valid before 2027-01-15T07:00:00"));
	sshcert_deinit(&c);
	spec.not_after_ms = SSHCERT_FOREVER;
	issue(&spec, a, &c);
	assert_true(c.not_after_ms == SSHCERT_FOREVER);
	assert_int_equal(sshcert_verify(&c, &a->public, 1, INT64_MAX - 1, &err), 0);
	sshcert_deinit(&c);
}

static void any_changed_byte_is_noticed(void **state)
{
	const struct authority *a = *state;
	struct sshcert_spec spec = spec_for(&a->public);
	struct sshcert c;
	struct err err;

	issue(&spec, a, &c);
	for (size_t i = 0; i < c.signed_len; i += 13) {
		c.signed_bytes[i] ^= 1;
		assert_int_equal(sshcert_verify(&c, &a->public, 1, NOW, &err), ERR_UNAUTHENTICATED);
		c.signed_bytes[i] ^= 1;
	}
	c.signature[c.signature_len - 1] ^= 1;
	assert_int_equal(sshcert_verify(&c, &a->public, 1, NOW, &err), ERR_UNAUTHENTICATED);
	sshcert_deinit(&c);
}

static void specs_that_would_allow_too_much_are_refused(void **state)
{
	const struct authority *a = *state;
	const struct sshcert_option twice[] = { { "permit-pty", NULL }, { "permit-pty", NULL } };
	const char *const empty[] = { "" };
	const char *const newline[] = { "alice\nroot" };
	struct sshcert_spec good = spec_for(&a->public), bad[7];
	struct buf line = { 0 };
	struct err err;

	for (size_t i = 0; i < 7; i++)
		bad[i] = good;
	bad[0].principal_count = 0;
	bad[1].principals = empty;
	bad[2].principals = newline;
	bad[3].key_id = "";
	bad[4].key_id = "alice\nssh-rsa";
	bad[5].not_after_ms = bad[5].not_before_ms;
	bad[6].extensions = twice;
	bad[6].extension_count = 2;
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(sshcert_issue(&bad[i], a->key, &line, &err), ERR_INVALID);
		assert_int_equal(line.len, 0);
	}
}

static void every_cut_is_refused(void **state)
{
	const struct authority *a = *state;
	struct sshcert_spec spec = spec_for(&a->public);
	struct buf blob = { 0 };
	struct sshcert c, again;
	struct err err;

	issue(&spec, a, &c);
	buf_append(&blob, c.signed_bytes, c.signed_len);
	buf_append_u32(&blob, (uint32_t)c.signature_len);
	buf_append(&blob, c.signature, c.signature_len);
	for (size_t len = 0; len < blob.len; len++)
		assert_int_equal(sshcert_parse_blob(blob.data, len, &again, &err), ERR_INVALID);
	assert_int_equal(sshcert_parse_blob(blob.data, blob.len, &again, &err), 0);
	sshcert_deinit(&again);
	sshcert_deinit(&c);
	buf_deinit(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_kind_of_key_is_certified_and_verified),
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(a_certificate_of_ssh_keygen_is_read_and_verified),
		cmocka_unit_test(another_authority_is_refused),
		cmocka_unit_test(times_are_kept_to_and_named),
		cmocka_unit_test(any_changed_byte_is_noticed),
		cmocka_unit_test(specs_that_would_allow_too_much_are_refused),
		cmocka_unit_test(every_cut_is_refused),
	};

	return unit_run_with(tests, set_up, tear_down);
}

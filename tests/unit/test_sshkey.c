#include "crypto/sshkey.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/sshwire.h"

#include "tests/unit/ssh_samples.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void keys_of_every_type_come_out_as_they_went_in(void **state)
{
	char fingerprint[SSHKEY_FINGERPRINT_SIZE];
	struct buf line = { 0 };
	struct sshkey k;
	struct err err;

	(void)state;
	for (size_t i = 0; i < SSH_SAMPLES; i++) {
		if (sshkey_parse_line(ssh_samples[i].line, &k, &err) != 0)
			fail_msg("%s", err.msg);
		assert_string_equal(sshkey_fingerprint(&k, fingerprint),
		                    ssh_samples[i].fingerprint);
		assert_string_equal(k.comment, "alice@example.com");
		buf_clear(&line);
		sshkey_append_line(&k, &line);
		assert_string_equal(buf_str(&line), ssh_samples[i].line);
		sshkey_deinit(&k);
	}
	buf_deinit(&line);
}

static void lines_that_are_no_good_key_are_refused(void **state)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "", "type" },
		{ "ssh-ed25519", "type" },
		{ "ssh-ed25519 !!!!", "not base64" },
		{ "ssh-ed25519 AAAA", "type" },
		{ "ssh-dss AAAAB3NzaC1kc3M=", "type" },
		{ ssh_weak, "1024 bits" },
		{ ssh_cert, "type" },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "32 bytes" },
	};
	struct sshkey k;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(sshkey_parse_line(cases[i].line, &k, &err), ERR_INVALID);
		if (strstr(err.msg, cases[i].why) == NULL)
			fail_msg("case %zu: '%s'", i, err.msg);
	}
}

static void every_cut_and_every_added_byte_is_refused(void **state)
{
	struct sshkey k, again;
	struct err err;

	(void)state;
	for (size_t i = 0; i < SSH_SAMPLES; i++) {
		uint8_t longer[1024];

		assert_int_equal(sshkey_parse_line(ssh_samples[i].line, &k, &err), 0);
		for (size_t len = 0; len < k.blob_len; len++)
			assert_int_equal(sshkey_parse_blob(k.blob, len, &again, &err), ERR_INVALID);
		memcpy(longer, k.blob, k.blob_len);
		longer[k.blob_len] = 0;
		assert_int_equal(sshkey_parse_blob(longer, k.blob_len + 1, &again, &err),
		                 ERR_INVALID);
		sshkey_deinit(&k);
	}
}

static void a_point_off_its_curve_is_refused(void **state)
{
	struct sshkey k, again;
	struct err err;

	(void)state;
	assert_int_equal(sshkey_parse_line(ssh_samples[2].line, &k, &err), 0);
	k.blob[k.blob_len - 1] ^= 1;
	assert_int_equal(sshkey_parse_blob(k.blob, k.blob_len, &again, &err), ERR_INVALID);
	sshkey_deinit(&k);
}

static void a_line_of_one_type_with_a_key_of_another_is_refused(void **state)
{
	char line[1024];
	struct sshkey k;
	struct err err;

	(void)state;
	snprintf(line, sizeof(line), "ssh-rsa %s", strchr(ssh_samples[0].line, ' ') + 1);
	assert_int_equal(sshkey_parse_line(line, &k, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "another type"));
}

static void two_lines_are_not_one_key(void **state)
{
	char line[1024];
	struct sshkey k;
	struct err err;

	(void)state;
	snprintf(line, sizeof(line), "%s\nssh-rsa x", ssh_samples[0].line);
	assert_int_equal(sshkey_parse_line(line, &k, &err), ERR_INVALID);
	snprintf(line, sizeof(line), "%s\r\n", ssh_samples[0].line);
	assert_int_equal(sshkey_parse_line(line, &k, &err), 0);
	sshkey_deinit(&k);
}

static void control_characters_of_a_comment_are_not_kept(void **state)
{
	char line[1024];
	struct sshkey k;
	struct err err;

	(void)state;
	snprintf(line, sizeof(line), "%s \x1b[2J", ssh_samples[0].line);
	assert_int_equal(sshkey_parse_line(line, &k, &err), 0);
	assert_string_equal(k.comment, "alice@example.com ?[2J");
	sshkey_deinit(&k);
}

static void our_own_keys_have_an_ssh_form(void **state)
{
	struct key *key;
	struct sshkey k;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(&key, &err), 0);
	assert_int_equal(sshkey_from_pubkey(key_public(key), "web-1", &k, &err), 0);
	assert_string_equal(k.type, "ecdsa-sha2-nistp256");
	assert_string_equal(k.comment, "web-1");
	sshkey_deinit(&k);
	key_unref(key);
}

static void numbers_with_needless_or_missing_zeroes_have_no_bits(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, bits;
	} cases[] = {
		{ "", 0, 0 },         { "\x00", 1, 0 },     { "\x80", 1, 0 },
		{ "\x00\x7f", 2, 0 }, { "\x00\x80", 2, 8 }, { "\x01\x00", 2, 9 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sshwire_string s = { (const uint8_t *)cases[i].bytes, cases[i].len };

		assert_int_equal(sshwire_mpint_bits(s), cases[i].bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_every_type_come_out_as_they_went_in),
		cmocka_unit_test(lines_that_are_no_good_key_are_refused),
		cmocka_unit_test(every_cut_and_every_added_byte_is_refused),
		cmocka_unit_test(a_point_off_its_curve_is_refused),
		cmocka_unit_test(a_line_of_one_type_with_a_key_of_another_is_refused),
		cmocka_unit_test(two_lines_are_not_one_key),
		cmocka_unit_test(control_characters_of_a_comment_are_not_kept),
		cmocka_unit_test(our_own_keys_have_an_ssh_form),
		cmocka_unit_test(numbers_with_needless_or_missing_zeroes_have_no_bits),
	};

	return unit_run(tests);
}

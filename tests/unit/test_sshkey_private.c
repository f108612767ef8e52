#include "crypto/sshkey_private.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/pem.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "crypto/sshwire.h"

#include "tests/unit/unit.h"

#include <string.h>

static struct buf text, bytes;

static void write_text(const struct key *k)
{
	struct err err;

	if (sshkey_append_private(k, &text, &err) != 0)
		fail_msg("%s", err.msg);
}

static int forget(void **state)
{
	(void)state;
	buf_wipe(&text);
	buf_wipe(&bytes);
	return 0;
}

/* Reads past the outer part; the secret one begins behind two equal numbers. */
static struct sshwire secret_of(const struct sshkey *public)
{
	static const char magic[] = "openssh-key-v1";
	char label[PEM_LABEL_SIZE];
	struct sshwire outer, inner;
	struct sshwire_string s;
	struct err err;
	size_t used;

	assert_int_equal(pem_next(buf_str(&text), text.len, label, &bytes, &used, &err), 0);
	assert_string_equal(label, "OPENSSH PRIVATE KEY");
	assert_memory_equal(bytes.data, magic, sizeof(magic));
	sshwire_init(&outer, bytes.data + sizeof(magic), bytes.len - sizeof(magic));
	assert_true(sshwire_is(sshwire_string(&outer), "none"));
	assert_true(sshwire_is(sshwire_string(&outer), "none"));
	assert_true(sshwire_is(sshwire_string(&outer), ""));
	assert_int_equal(sshwire_u32(&outer), 1);
	s = sshwire_string(&outer);
	assert_int_equal(s.len, public->blob_len);
	assert_memory_equal(s.data, public->blob, s.len);
	s = sshwire_string(&outer);
	assert_true(sshwire_end(&outer));
	assert_int_equal(s.len % 8, 0);
	sshwire_init(&inner, s.data, s.len);
	assert_int_equal(sshwire_u32(&inner), sshwire_u32(&inner));
	return inner;
}

static void a_key_is_written_as_ssh_keygen_would(void **state)
{
	uint8_t der[256];
	struct buf der_buf = { 0 };
	struct sshwire_string d;
	struct sshkey public;
	struct sshwire r;
	struct key *k;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(&k, &err), 0);
	assert_int_equal(sshkey_from_pubkey(key_public(k), "", &public, &err), 0);
	write_text(k);
	assert_memory_equal(buf_str(&text), "-----BEGIN OPENSSH PRIVATE KEY-----\n", 36);
	r = secret_of(&public);
	assert_true(sshwire_is(sshwire_string(&r), "ecdsa-sha2-nistp256"));
	assert_true(sshwire_is(sshwire_string(&r), "nistp256"));
	assert_int_equal(sshwire_string(&r).len, 65);
	d = sshwire_string(&r);
	assert_true(sshwire_is(sshwire_string(&r), "")); /* no comment */
	for (uint8_t pad = 1; sshwire_more(&r); pad++)
		assert_int_equal(sshwire_u8(&r), pad);
	assert_true(sshwire_end(&r));

	/* SEC1: 30 77 02 01 01 04 20, then the 32 bytes of the secret number */
	assert_int_equal(key_append_der(k, &der_buf, &err), 0);
	memset(der, 0, sizeof(der));
	memcpy(der + 33 - d.len, d.data, d.len);
	assert_int_equal(der[0], 0);
	assert_memory_equal(der_buf.data + 7, der + 1, 32);
	buf_wipe(&der_buf);
	sshkey_deinit(&public);
	key_unref(k);
}

static void a_pem_behind_it_is_still_found(void **state)
{
	struct key *k, *again;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(&k, &err), 0);
	write_text(k);
	assert_int_equal(key_append_pem(k, &text, &err), 0);
	assert_int_equal(key_load(text.data, text.len, &again, &err), 0);
	assert_true(pubkey_equal(key_public(k), key_public(again)));
	key_unref(again);
	key_unref(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_key_is_written_as_ssh_keygen_would, forget),
		cmocka_unit_test_teardown(a_pem_behind_it_is_still_found, forget),
	};

	return unit_run(tests);
}

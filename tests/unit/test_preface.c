#include "wire/preface.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define NOW 1900000000000LL
#define DAY (24 * 3600 * 1000LL)

static struct key *ca_key;
static struct key *host_key;
static struct x509 *ca;
static struct x509 *host;
static struct x509_set *trust;
static struct preface_seen *seen;

static int make_authority(void **state)
{
	struct err e = { 0 };
	struct x509_spec spec = {
		.common_name = "0d9b.example",
		.not_before_ms = NOW - DAY,
		.not_after_ms = NOW + DAY,
		.usage = X509_CLIENT,
	};

	(void)state;
	if (key_generate(&ca_key, &e) != 0 || key_generate(&host_key, &e) != 0 ||
	    x509_issue_ca("host CA", "example", ca_key, NOW - DAY, NOW + DAY, &ca, &e) != 0)
		return -1;
	spec.subject_key = key_public(host_key);
	if (x509_issue(&spec, ca, ca_key, &host, &e) != 0 || x509_set_new(&trust, &e) != 0)
		return -1;
	seen = preface_seen_new(4);
	return x509_set_add(trust, ca, &e);
}

static int drop_authority(void **state)
{
	(void)state;
	key_unref(ca_key);
	key_unref(host_key);
	x509_unref(ca);
	x509_unref(host);
	x509_set_unref(trust);
	preface_seen_free(seen);
	return 0;
}

static void append(struct buf *out, int64_t time, const char *target, const struct key *key)
{
	pv_PrefacePayload payload = {
		.client_addr = (char *)"192.0.2.7:51234",
		.user = (char *)"alice",
		.target = (char *)target,
		.time = time,
	};
	const struct x509 *chain[] = { host };
	struct err e = { 0 };

	assert_int_equal(preface_append(&payload, key, chain, 1, out, &e), 0);
}

/* Parses and verifies at NOW for "node-1"; returns the code, and the message in e. */
static int verify(const struct buf *bytes, pv_PrefacePayload *out, struct err *e)
{
	const struct preface_check check = { trust, "node-1", NOW, seen, NULL, NULL };
	struct x509 *signer;
	pv_Preface p;
	size_t used = 0;
	int rc;

	assert_int_equal(preface_parse(bytes->data, bytes->len, &p, &used, e), 0);
	assert_int_equal(used, bytes->len);
	rc = preface_verify(&p, &check, out, &signer, e);
	if (rc == 0) {
		assert_string_equal(x509_info(signer)->common_name, "0d9b.example");
		x509_unref(signer);
	}
	preface_release(&p);
	return rc;
}

static void a_signed_preface_tells_the_client_once(void **state)
{
	struct buf bytes = { 0 };
	struct err e = { 0 };
	pv_PrefacePayload payload;

	(void)state;
	append(&bytes, NOW, "node-1", host_key);
	assert_int_equal(verify(&bytes, &payload, &e), 0);
	assert_string_equal(payload.client_addr, "192.0.2.7:51234");
	assert_string_equal(payload.user, "alice");
	preface_payload_release(&payload);
	assert_int_equal(verify(&bytes, &payload, &e), ERR_UNAUTHENTICATED);
	assert_string_equal(e.msg, "check preface: preface was used before");
	buf_deinit(&bytes);
}

static void what_does_not_hold_is_refused_by_name(void **state)
{
	static const struct {
		int64_t time;
		const char *target;
		bool own_key;
		const char *message;
	} rows[] = {
		{ NOW, "node-2", true, "check preface: meant for 'node-2', not for 'node-1'" },
		{ NOW, "node-1", false, "check preface: signature does not match" },
		{ NOW - PREFACE_SKEW_MS - 1000, "node-1", true,
		  "check preface: the proxy's clock is 5m1s behind ours: set both by NTP" },
		{ NOW + PREFACE_SKEW_MS + 1000, "node-1", true,
		  "check preface: the proxy's clock is 5m1s ahead of ours: set both by NTP" },
		{ INT64_MIN, "node-1", true, "check preface: time is out of range" },
	};
	pv_PrefacePayload payload;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf bytes = { 0 };
		struct err e = { 0 };

		append(&bytes, rows[i].time, rows[i].target, rows[i].own_key ? host_key : ca_key);
		assert_int_equal(verify(&bytes, &payload, &e), ERR_UNAUTHENTICATED);
		assert_string_equal(e.msg, rows[i].message);
		buf_deinit(&bytes);
	}
}

static void a_chain_that_ends_elsewhere_is_refused(void **state)
{
	struct x509_set *others;
	struct buf bytes = { 0 };
	struct err e = { 0 };
	pv_PrefacePayload payload;
	struct x509_set *ours = trust;

	(void)state;
	assert_int_equal(x509_set_new(&others, &e), 0);
	append(&bytes, NOW, "node-1", host_key);
	trust = others;
	assert_int_equal(verify(&bytes, &payload, &e), ERR_UNTRUSTED);
	trust = ours;
	x509_set_unref(others);
	buf_deinit(&bytes);
}

static void no_changed_byte_goes_unnoticed(void **state)
{
	struct buf bytes = { 0 };

	(void)state;
	append(&bytes, NOW, "node-1", host_key);
	for (size_t i = PREFACE_MAGIC_SIZE + 4; i < bytes.len; i++) {
		const struct preface_check check = { trust, "node-1", NOW, seen, NULL, NULL };
		pv_PrefacePayload payload;
		struct x509 *signer;
		struct err e = { 0 };
		pv_Preface p;
		size_t used = 0;

		bytes.data[i] ^= 1;
		if (preface_parse(bytes.data, bytes.len, &p, &used, &e) == 0) {
			if (preface_verify(&p, &check, &payload, &signer, &e) == 0) {
				/* Only what certificates leave unsigned may differ: nothing. */
				fail_msg("byte %zu may be changed", i);
			}
			preface_release(&p);
		}
		bytes.data[i] ^= 1;
	}
	buf_deinit(&bytes);
}

static void half_a_preface_asks_for_more(void **state)
{
	struct buf bytes = { 0 };
	struct err e = { 0 };
	pv_Preface p;
	size_t used;

	(void)state;
	append(&bytes, NOW, "node-1", host_key);
	for (size_t len = 0; len < bytes.len; len++) {
		used = 99;
		assert_int_equal(preface_parse(bytes.data, len, &p, &used, &e), 0);
		assert_int_equal(used, 0);
	}
	bytes.data[8] = 1; /* a length of 16 million */
	assert_int_equal(preface_parse(bytes.data, bytes.len, &p, &used, &e), ERR_INVALID);
	assert_int_equal(preface_parse((const uint8_t *)"POSTERX", 7, &p, &used, &e), ERR_INVALID);
	buf_deinit(&bytes);
}

static void a_flood_keeps_nobody_out_and_lets_nothing_in_twice(void **state)
{
	struct buf first = { 0 };
	struct err e = { 0 };
	pv_PrefacePayload payload;

	(void)state;
	append(&first, NOW + 1, "node-1", host_key);
	assert_int_equal(verify(&first, &payload, &e), 0);
	preface_payload_release(&payload);
	for (int i = 2; i < 10; i++) { /* the table holds 4 */
		struct buf bytes = { 0 };

		append(&bytes, NOW + i, "node-1", host_key);
		assert_int_equal(verify(&bytes, &payload, &e), 0);
		preface_payload_release(&payload);
		assert_int_equal(verify(&bytes, &payload, &e), ERR_UNAUTHENTICATED);
		buf_deinit(&bytes);
	}
	assert_int_equal(verify(&first, &payload, &e), ERR_UNAUTHENTICATED);
	assert_string_equal(e.msg, "check preface: older than what is remembered");
	buf_deinit(&first);
}

/* With clocks apart they do not come in the order of their times. */
static void the_oldest_goes_whatever_came_first(void **state)
{
	static const int times[] = { 30, 27, 29, 26, 28, 25, 31 };
	struct preface_seen *shared = seen;
	struct buf bytes[7] = { 0 };
	struct err e = { 0 };
	pv_PrefacePayload payload;

	(void)state;
	seen = preface_seen_new(4);
	for (size_t i = 0; i < 7; i++) {
		append(&bytes[i], NOW + times[i], "node-1", host_key);
		if (verify(&bytes[i], &payload, &e) == 0)
			preface_payload_release(&payload);
	}
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(verify(&bytes[i], &payload, &e), ERR_UNAUTHENTICATED);
		buf_deinit(&bytes[i]);
	}
	preface_seen_free(seen);
	seen = shared;
}

static int nobody_may(void *arg, const struct x509 *signer, struct err *err)
{
	(void)arg;
	(void)signer;
	return err_set(err, ERR_DENIED, "not a proxy");
}

static void who_may_not_forward_takes_no_room(void **state)
{
	struct preface_check check = { trust, "node-1", NOW, seen, nobody_may, NULL };
	struct buf bytes = { 0 };
	struct err e = { 0 };
	pv_PrefacePayload payload;
	struct x509 *signer;
	pv_Preface p;
	size_t used = 0;

	(void)state;
	append(&bytes, NOW + 50, "node-1", host_key);
	assert_int_equal(preface_parse(bytes.data, bytes.len, &p, &used, &e), 0);
	assert_int_equal(preface_verify(&p, &check, &payload, &signer, &e), ERR_DENIED);
	preface_release(&p);
	assert_int_equal(verify(&bytes, &payload, &e), 0); /* so its nonce was not kept */
	preface_payload_release(&payload);
	buf_deinit(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_preface_tells_the_client_once),
		cmocka_unit_test(what_does_not_hold_is_refused_by_name),
		cmocka_unit_test(a_chain_that_ends_elsewhere_is_refused),
		cmocka_unit_test(no_changed_byte_goes_unnoticed),
		cmocka_unit_test(half_a_preface_asks_for_more),
		cmocka_unit_test(a_flood_keeps_nobody_out_and_lets_nothing_in_twice),
		cmocka_unit_test(the_oldest_goes_whatever_came_first),
		cmocka_unit_test(who_may_not_forward_takes_no_room),
	};

	return unit_run_with(tests, make_authority, drop_authority);
}

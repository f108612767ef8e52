#include "wire/websocket.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* Reads all, `step` bytes at a time, and says what came: "text 5 Hello; ". */
static int read_all(struct websocket *w, const uint8_t *data, size_t len, size_t step,
                    struct buf *out, struct err *err)
{
	static const char *const names[] = { [WEBSOCKET_TEXT] = "text",
		                             [WEBSOCKET_BINARY] = "binary",
		                             [WEBSOCKET_CLOSE] = "close",
		                             [WEBSOCKET_PING] = "ping",
		                             [WEBSOCKET_PONG] = "pong" };
	struct websocket_event event;
	size_t used;

	while (len > 0) {
		size_t n = len < step ? len : step;

		if (websocket_read(w, data, n, &used, &event, err) != 0)
			return err->code;
		assert_true(used <= n && (used == n || event.kind != 0));
		data += used;
		len -= used;
		if (event.kind == 0)
			continue;
		buf_appendf(out, "%s %zu %.*s", names[event.kind], event.len, (int)event.len,
		            (const char *)event.data);
		if (event.kind == WEBSOCKET_CLOSE)
			buf_appendf(out, " %u", event.code);
		buf_append_str(out, "; ");
	}
	return 0;
}

static const struct {
	enum websocket_side side;
	const uint8_t *data;
	size_t len;
	const char *says;
} good[] = {
	/* RFC 6455 5.7 */
	{ WEBSOCKET_CLIENT, BYTES(0x81, 5, 'H', 'e', 'l', 'l', 'o'), "text 5 Hello; " },
	{ WEBSOCKET_SERVER, BYTES(0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58),
	  "text 5 Hello; " },
	{ WEBSOCKET_CLIENT, BYTES(0x01, 3, 'H', 'e', 'l', 0x80, 2, 'l', 'o'), "text 5 Hello; " },
	{ WEBSOCKET_CLIENT, BYTES(0x89, 5, 'H', 'e', 'l', 'l', 'o'), "ping 5 Hello; " },
	/* a control frame between two pieces */
	{ WEBSOCKET_CLIENT, BYTES(0x02, 1, 'a', 0x8a, 1, 'p', 0x00, 0, 0x80, 1, 'b'),
	  "pong 1 p; binary 2 ab; " },
	{ WEBSOCKET_CLIENT, BYTES(0x82, 0, 0x82, 1, 'x'), "binary 0 ; binary 1 x; " },
	{ WEBSOCKET_CLIENT, BYTES(0x88, 0), "close 0  1005; " },
	{ WEBSOCKET_CLIENT, BYTES(0x88, 5, 0x03, 0xe8, 'b', 'y', 'e'), "close 3 bye 1000; " },
	/* nothing behind a close is looked at */
	{ WEBSOCKET_CLIENT, BYTES(0x88, 2, 0x0b, 0xb8, 0xff, 0xff, 0xff), "close 0  3000; " },
};

static void messages_come_out_whole_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t step = 1; step <= good[i].len; step++) {
			struct buf says = { 0 };
			struct err err = { 0 };
			struct websocket w;

			websocket_init(&w, good[i].side, NULL);
			assert_int_equal(read_all(&w, good[i].data, good[i].len, step, &says, &err),
			                 0);
			assert_string_equal(buf_str(&says), good[i].says);
			buf_deinit(&says);
			websocket_deinit(&w);
		}
	}
}

static const struct {
	const char *what;
	enum websocket_side side;
	const uint8_t *data;
	size_t len;
	unsigned code;
} bad[] = {
	{ "reserved bit", WEBSOCKET_CLIENT, BYTES(0xc1, 0), 1002 },
	{ "kind 3", WEBSOCKET_CLIENT, BYTES(0x83, 0), 1002 },
	{ "kind 11", WEBSOCKET_CLIENT, BYTES(0x8b, 0), 1002 },
	{ "ping in pieces", WEBSOCKET_CLIENT, BYTES(0x09, 0), 1002 },
	{ "long ping", WEBSOCKET_CLIENT, BYTES(0x89, 126, 0, 126), 1002 },
	{ "continues nothing", WEBSOCKET_CLIENT, BYTES(0x80, 0), 1002 },
	{ "begins within another", WEBSOCKET_CLIENT, BYTES(0x02, 0, 0x82, 0), 1002 },
	{ "mask from a server", WEBSOCKET_CLIENT, BYTES(0x82, 0x80, 0, 0, 0, 0), 1002 },
	{ "no mask from a client", WEBSOCKET_SERVER, BYTES(0x82, 0), 1002 },
	{ "125 in two bytes", WEBSOCKET_CLIENT, BYTES(0x82, 126, 0, 125), 1002 },
	{ "65535 in eight", WEBSOCKET_CLIENT, BYTES(0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
	  1002 },
	{ "2^63", WEBSOCKET_CLIENT, BYTES(0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0), 1002 },
	{ "one byte of a code", WEBSOCKET_CLIENT, BYTES(0x88, 1, 3), 1002 },
	{ "code 1005 sent", WEBSOCKET_CLIENT, BYTES(0x88, 2, 0x03, 0xed), 1002 },
	{ "code 2000", WEBSOCKET_CLIENT, BYTES(0x88, 2, 0x07, 0xd0), 1002 },
	{ "101 bytes at once", WEBSOCKET_CLIENT, BYTES(0x82, 101), 1009 },
	{ "a terabyte", WEBSOCKET_CLIENT, BYTES(0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0), 1009 },
	{ "four pieces", WEBSOCKET_CLIENT, BYTES(0x02, 0, 0, 0, 0, 0, 0x80, 0), 1009 },
};

static void what_breaks_the_rules_is_refused_with_its_code(void **state)
{
	static const struct websocket_limits limits = { .message_max = 100, .fragments_max = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf says = { 0 };
		struct err err = { 0 };
		struct websocket w;

		websocket_init(&w, bad[i].side, &limits);
		if (read_all(&w, bad[i].data, bad[i].len, 1, &says, &err) == 0)
			fail_msg("%s: taken as '%s'", bad[i].what, buf_str(&says));
		if (websocket_code_of(&err) != bad[i].code)
			fail_msg("%s: %s", bad[i].what, err.msg);
		assert_int_equal(says.len, 0);
		buf_deinit(&says);
		websocket_deinit(&w);
	}
}

static void pieces_together_may_not_exceed_the_bound_either(void **state)
{
	static const struct websocket_limits limits = { .message_max = 4 };
	struct buf says = { 0 };
	struct err err = { 0 };
	struct websocket w;

	(void)state;
	websocket_init(&w, WEBSOCKET_CLIENT, &limits);
	assert_int_equal(read_all(&w, BYTES(0x02, 3, 1, 2, 3, 0x80, 2), 1, &says, &err), ERR_LIMIT);
	websocket_deinit(&w);
	buf_deinit(&says);
}

static void each_side_reads_what_the_other_writes_at_every_size_of_length(void **state)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70001 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		enum websocket_side side = i % 2 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER;
		size_t len = sizes[i / 2], used = 0;
		struct buf payload = { 0 }, wire = { 0 };
		struct websocket_event event = { 0 };
		struct websocket from, to;
		struct err err = { 0 };

		websocket_init(&from, side, NULL);
		websocket_init(&to, side == WEBSOCKET_CLIENT ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT,
		               NULL);
		for (size_t k = 0; k < len; k++)
			buf_append_byte(&payload, (uint8_t)(k * 31));
		websocket_write(&from, WEBSOCKET_BINARY, buf_str(&payload), len, &wire);
		assert_int_equal(websocket_read(&to, wire.data, wire.len, &used, &event, &err), 0);
		assert_int_equal(used, wire.len);
		assert_int_equal(event.kind, WEBSOCKET_BINARY);
		assert_int_equal(event.len, len);
		assert_memory_equal(event.data, buf_str(&payload), len);
		buf_deinit(&payload);
		buf_deinit(&wire);
		websocket_deinit(&from);
		websocket_deinit(&to);
	}
}

static void a_client_masks_with_another_key_each_time(void **state)
{
	struct buf first = { 0 }, second = { 0 };
	struct websocket w;

	(void)state;
	websocket_init(&w, WEBSOCKET_CLIENT, NULL);
	websocket_write(&w, WEBSOCKET_BINARY, "secret text", 11, &first);
	websocket_write(&w, WEBSOCKET_BINARY, "secret text", 11, &second);
	assert_int_equal(first.len, 2 + 4 + 11);
	assert_memory_not_equal(first.data, second.data, first.len);
	assert_null(memmem(first.data, first.len, "secret", 6));
	buf_deinit(&first);
	buf_deinit(&second);
	websocket_deinit(&w);
}

static void a_close_carries_its_code_and_as_much_of_the_reason_as_fits(void **state)
{
	struct buf wire = { 0 };
	struct websocket w;
	char reason[201];

	(void)state;
	memset(reason, 'r', sizeof(reason));
	reason[200] = 0;
	websocket_init(&w, WEBSOCKET_SERVER, NULL);
	websocket_write_close(&w, WEBSOCKET_OUR_ERROR, reason, &wire);
	assert_int_equal(wire.len, 2 + WEBSOCKET_CONTROL_MAX);
	assert_memory_equal(wire.data, "\x88\x7d\x03\xf3rrr", 7);
	buf_deinit(&wire);
	websocket_deinit(&w);
}

static void the_handshake_answers_as_the_rfc_shows(void **state)
{
	char accept[WEBSOCKET_ACCEPT_SIZE], key[WEBSOCKET_KEY_SIZE];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept, &err), 0);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_int_equal(websocket_key(key, &err), 0);
	assert_int_equal(websocket_accept(key, accept, &err), 0);
	assert_int_equal(websocket_accept("c2hvcnQ=", accept, &err), ERR_INVALID);
	assert_int_equal(websocket_accept("no base64 at all", accept, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_whole_however_they_are_cut),
		cmocka_unit_test(what_breaks_the_rules_is_refused_with_its_code),
		cmocka_unit_test(pieces_together_may_not_exceed_the_bound_either),
		cmocka_unit_test(each_side_reads_what_the_other_writes_at_every_size_of_length),
		cmocka_unit_test(a_client_masks_with_another_key_each_time),
		cmocka_unit_test(a_close_carries_its_code_and_as_much_of_the_reason_as_fits),
		cmocka_unit_test(the_handshake_answers_as_the_rfc_shows),
	};

	return unit_run(tests);
}

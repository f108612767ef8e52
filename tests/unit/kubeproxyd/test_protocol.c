#include "kubeproxyd/channels/protocol.h"

#include "base/buf.h"
#include "base/err.h"
#include "kubeproxyd/channels/resize.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	enum purpose purpose;
	enum carrier carrier;
	const char *offered;
	const char *chosen; /* NULL: none */
	bool base64, status, closes;
} choices[] = {
	{ PURPOSE_COMMAND, CARRIER_SPDY,
	  "v4.channel.k8s.io,v3.channel.k8s.io, v2.channel.k8s.io,channel.k8s.io",
	  "v4.channel.k8s.io", false, true, true },
	{ PURPOSE_COMMAND, CARRIER_SPDY, "channel.k8s.io, v3.channel.k8s.io", "v3.channel.k8s.io",
	  false, false, true },
	{ PURPOSE_COMMAND, CARRIER_SPDY, NULL, "", false, false, true },
	{ PURPOSE_COMMAND, CARRIER_SPDY, "v9.channel.k8s.io", NULL, false, false, false },
	{ PURPOSE_COMMAND, CARRIER_SPDY, "v5.channel.k8s.io", NULL, false, false, false },
	{ PURPOSE_COMMAND, CARRIER_WEBSOCKET, "v4.channel.k8s.io, v5.channel.k8s.io",
	  "v5.channel.k8s.io", false, true, true },
	{ PURPOSE_COMMAND, CARRIER_WEBSOCKET, "v4.base64.channel.k8s.io",
	  "v4.base64.channel.k8s.io", true, true, false },
	{ PURPOSE_COMMAND, CARRIER_WEBSOCKET, "", "", false, false, false },
	{ PURPOSE_COMMAND, CARRIER_WEBSOCKET, "v4.channel.k8s.iox", NULL, false, false, false },
	{ PURPOSE_FORWARD, CARRIER_SPDY, "portforward.k8s.io", "portforward.k8s.io", false, false,
	  true },
	{ PURPOSE_FORWARD, CARRIER_WEBSOCKET, "SPDY/3.1+portforward.k8s.io, v4.channel.k8s.io",
	  "SPDY/3.1+portforward.k8s.io", false, false, true },
	{ PURPOSE_FORWARD, CARRIER_SPDY, "v4.channel.k8s.io", NULL, false, false, false },
};

static void the_best_protocol_that_both_know_is_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct protocol *p =
		        protocol_choose(choices[i].purpose, choices[i].carrier, choices[i].offered);

		if (choices[i].chosen == NULL) {
			assert_null(p);
			continue;
		}
		assert_non_null(p);
		assert_string_equal(p->name, choices[i].chosen);
		assert_int_equal(p->base64, choices[i].base64);
		assert_int_equal(p->status, choices[i].status);
		assert_int_equal(p->closes, choices[i].closes);
	}
}

static void names_are_offered_best_first(void **state)
{
	struct buf names = { 0 };

	(void)state;
	protocol_names(PURPOSE_COMMAND, CARRIER_SPDY, &names);
	assert_string_equal(buf_str(&names), "v4.channel.k8s.io, v3.channel.k8s.io, "
	                                     "v2.channel.k8s.io, channel.k8s.io");
	buf_deinit(&names);
}

static const struct {
	const char *protocol;
	const char *message;
	size_t len;
	int rc;
	unsigned number;
	bool closes;
	const char *data;
} messages[] = {
	{ "v5.channel.k8s.io", "\x01hello", 6, 0, 1, false, "hello" },
	{ "v5.channel.k8s.io", "\x03", 1, 0, 3, false, "" },
	{ "v5.channel.k8s.io", "\xff\x00", 2, 0, 0, true, "" },
	{ "v5.channel.k8s.io", "\xff", 1, ERR_INVALID, 0, false, "" },
	{ "v5.channel.k8s.io", "\xff\x00x", 3, ERR_INVALID, 0, false, "" },
	{ "v5.channel.k8s.io", "", 0, ERR_INVALID, 0, false, "" },
	{ "v4.channel.k8s.io", "\xff\x00", 2, 0, 255, false, "" }, /* a channel that is none */
	{ "v4.base64.channel.k8s.io", "2aGVsbG8=", 9, 0, 2, false, "hello" },
	{ "v4.base64.channel.k8s.io", "0", 1, 0, 0, false, "" },
	{ "v4.base64.channel.k8s.io", "0aGVsbG8", 8, ERR_INVALID, 0, false, "" },
	{ "v4.base64.channel.k8s.io", "\x01", 1, ERR_INVALID, 0, false, "" },
};

static void messages_name_their_channel_each_protocols_own_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct protocol *p =
		        protocol_choose(PURPOSE_COMMAND, CARRIER_WEBSOCKET, messages[i].protocol);
		struct protocol_message m;
		struct buf scratch = { 0 };
		struct err err = { 0 };

		assert_int_equal(protocol_read(p, (const uint8_t *)messages[i].message,
		                               messages[i].len, &scratch, &m, &err),
		                 messages[i].rc);
		if (messages[i].rc == 0) {
			assert_int_equal(m.number, messages[i].number);
			assert_int_equal(m.closes, messages[i].closes);
			if (!m.closes && strlen(messages[i].data) > 0)
				assert_memory_equal(m.data, messages[i].data, m.len);
		}
		buf_deinit(&scratch);
	}
}

static void what_is_written_is_read_the_same(void **state)
{
	static const char *const names[] = { "v5.channel.k8s.io", "v4.channel.k8s.io",
		                             "v4.base64.channel.k8s.io" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct protocol *p =
		        protocol_choose(PURPOSE_COMMAND, CARRIER_WEBSOCKET, names[i]);
		struct buf message = { 0 }, scratch = { 0 };
		struct protocol_message m;
		struct err err = { 0 };

		protocol_write(p, 4, "\x00\xff\x01", 3, &message);
		assert_int_equal(protocol_read(p, message.data, message.len, &scratch, &m, &err),
		                 0);
		assert_int_equal(m.number, 4);
		assert_int_equal(m.len, 3);
		assert_memory_equal(m.data, "\x00\xff\x01", 3);
		buf_deinit(&message);
		buf_deinit(&scratch);
	}
}

/* --- sizes ----------------------------------------------------------------------------------- */

/* Every size that is said, however the text is cut. */
static void sizes_of(const char *text, size_t step, struct buf *out)
{
	struct resize r = { 0 };
	const uint8_t *at = (const uint8_t *)text;
	size_t left = strlen(text), used;

	while (left > 0) {
		if (resize_read(&r, at, left < step ? left : step, &used))
			buf_appendf(out, "%ux%u ", r.columns, r.rows);
		at += used;
		left -= used;
	}
}

static void sizes_are_read_however_they_are_cut(void **state)
{
	static const struct {
		const char *text, *sizes;
	} rows[] = {
		{ "{\"Width\":80,\"Height\":24}", "80x24 " },
		{ "{\"Width\":80,\"Height\":24}\n{\"Width\":132,\"Height\":50}\n",
		  "80x24 132x50 " },
		{ "{\"Height\":1,\"Width\":2}{\"Width\":3}{\"Width\":4,\"Height\":5}", "2x1 4x5 " },
		{ "}}{]{\"Width\":70000,\"Height\":5}", "" },
		{ "{\"Width\":-1,\"Height\":5}{\"Width\":\"9\",\"Height\":5}", "" },
		{ "{\"Width\":1,                                                              "
		  "                                                                       \"He"
		  "ight\":5}{\"Width\":1,\"Height\":5}",
		  "1x5 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 64; step++) {
			struct buf sizes = { 0 };

			sizes_of(rows[i].text, step, &sizes);
			assert_string_equal(buf_str(&sizes), rows[i].sizes);
			buf_deinit(&sizes);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_protocol_that_both_know_is_chosen),
		cmocka_unit_test(names_are_offered_best_first),
		cmocka_unit_test(messages_name_their_channel_each_protocols_own_way),
		cmocka_unit_test(what_is_written_is_read_the_same),
		cmocka_unit_test(sizes_are_read_however_they_are_cut),
	};

	return unit_run(tests);
}

#include "wire/spdy.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/spdy_dictionary.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* Two sides and what each has to say. */
struct pair {
	struct spdy *client, *server;
	struct spdy_event event; /* the last one */
	struct err err;
};

static void pair_open(struct pair *p)
{
	*p = (struct pair){ .client = spdy_new(SPDY_CLIENT), .server = spdy_new(SPDY_SERVER) };
	assert_non_null(p->client);
	assert_non_null(p->server);
	buf_clear(spdy_output(p->client)); /* the windows */
	buf_clear(spdy_output(p->server));
}

static void pair_close(struct pair *p)
{
	spdy_free(p->client);
	spdy_free(p->server);
}

static const char *text_of(const struct spdy_event *e)
{
	static const char *const names[] = { "nothing", "opened", "replied", "headers",
		                             "data",    "reset",  "windows", "away" };
	static char text[256];
	int n = snprintf(text, sizeof(text), "%s %u%s", names[e->kind], e->stream,
	                 e->fin ? " fin" : "");

	if (e->kind == SPDY_DATA)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %.*s", (int)e->len,
		              (const char *)e->data);
	for (size_t i = 0; e->headers != NULL && i < e->headers->count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s=%s",
		              e->headers->list[i].name, e->headers->list[i].value);
	if (e->kind == SPDY_RESET || e->kind == SPDY_AWAY)
		snprintf(text + n, sizeof(text) - (size_t)n, " %u", e->status);
	return text;
}

/* Reads bytes `step` at a time; all events as one text. */
static int read_bytes(struct spdy *to, const void *data, size_t len, size_t step, struct buf *says,
                      struct err *err)
{
	const uint8_t *at = data;
	struct spdy_event event;
	size_t used;

	while (len > 0) {
		size_t n = len < step ? len : step;

		if (spdy_read(to, at, n, &used, &event, err) != 0)
			return err->code;
		assert_true(used <= n && (used == n || event.kind != SPDY_NOTHING));
		at += used;
		len -= used;
		if (event.kind != SPDY_NOTHING)
			buf_appendf(says, "%s; ", text_of(&event));
	}
	return 0;
}

/* What `from` has to say reaches `to`, which says what it heard. */
static void expect(struct spdy *from, struct spdy *to, const char *want)
{
	struct buf wire = { 0 }, says = { 0 };
	struct err err = { 0 };

	buf_append(&wire, spdy_output(from)->data, spdy_output(from)->len);
	buf_clear(spdy_output(from));
	assert_int_equal(read_bytes(to, wire.data, wire.len, SIZE_MAX, &says, &err), 0);
	assert_string_equal(buf_str(&says), want);
	buf_deinit(&wire);
	buf_deinit(&says);
}

static uint32_t open_stream(struct spdy *s, const char *type)
{
	const struct spdy_header header = { "streamType", type };
	struct err err = { 0 };
	uint32_t id = 0;

	assert_int_equal(spdy_open(s, &header, 1, &id, &err), 0);
	return id;
}

static void send_text(struct spdy *s, uint32_t id, const char *text, bool fin)
{
	spdy_send(s, id, text, strlen(text), fin);
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void the_dictionary_is_the_one_that_everybody_has(void **state)
{
	uint8_t bytes[SPDY_DICTIONARY_SIZE];

	(void)state;
	spdy_dictionary(bytes);
	assert_int_equal(adler32(adler32(0, NULL, 0), bytes, sizeof(bytes)), 0xe3c6a7c2);
}

/* streamtype=error, then streamtype=stdin in the same direction: made with Python's zlib. */
static const uint8_t two_streams[] = {
	0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x02, 0xa6, 0x23, 0x46,
	0x70, 0x3a, 0x2b, 0x29, 0x4a, 0x4d, 0xcc, 0x85, 0x16, 0x25, 0xac, 0xa9, 0xa0, 0x80,
	0x06, 0x00, 0x00, 0x00, 0xff, 0xff, 0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x17,
	0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc2, 0x2e, 0x55, 0x5c,
	0x02, 0xcc, 0x2e, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
};

static void streams_of_another_implementation_are_read_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(two_streams); step++) {
		struct spdy *server = spdy_new(SPDY_SERVER);
		struct buf says = { 0 };
		struct err err = { 0 };

		assert_int_equal(
		        read_bytes(server, two_streams, sizeof(two_streams), step, &says, &err), 0);
		assert_string_equal(buf_str(&says),
		                    "opened 1 streamtype=error; opened 3 streamtype=stdin; ");
		buf_deinit(&says);
		spdy_free(server);
	}
}

/* All that kubectl 1.28 says to run `cat` with "hello\n" for its input. */
static const uint8_t from_kubectl[] = {
	0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x29, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x62, 0x60, 0x60, 0x60,
	0x04, 0xa7, 0xb3, 0x92, 0xa2, 0xd4, 0xc4, 0x5c, 0x68, 0x51, 0xc2, 0x9a, 0x0a, 0x0a,
	0x68, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x17, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc2, 0x2e, 0x55,
	0x5c, 0x92, 0x92, 0x99, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff, 0x80, 0x03, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x19, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xc2, 0x2a, 0xc5, 0x56, 0x5c, 0x92, 0x92, 0x5f, 0x5a, 0x02, 0x00, 0x00, 0x00, 0xff,
	0xff, 0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x15, 0x00, 0x00, 0x00, 0x07, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0xc2, 0x29, 0x97, 0x5a, 0x54, 0x04, 0x00, 0x00, 0x00,
	0xff, 0xff, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x06, 0x68, 0x65, 0x6c, 0x6c,
	0x6f, 0x0a, 0x00, 0x00, 0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 0x80, 0x03, 0x00, 0x03,
	0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x05, 0x80, 0x03,
	0x00, 0x07, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static void what_kubectl_says_is_read_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(from_kubectl); step++) {
		struct spdy *server = spdy_new(SPDY_SERVER);
		struct buf says = { 0 }, whole = { 0 };
		struct err err = { 0 };

		assert_int_equal(
		        read_bytes(server, from_kubectl, sizeof(from_kubectl), step, &says, &err),
		        0);
		buf_append_str(&whole, "opened 1 streamtype=error; opened 3 streamtype=stdin; "
		                       "opened 5 streamtype=stdout; opened 7 streamtype=stderr; ");
		assert_memory_equal(says.data, whole.data, whole.len);
		assert_non_null(strstr(buf_str(&says), "data 3 fin ; reset 1 5; away 0 0; "));
		buf_deinit(&says);
		buf_deinit(&whole);
		spdy_free(server);
	}
}

/* A header block as it is before compression. */
static void raw_block(struct buf *out, uint32_t count, const char *const *texts)
{
	buf_append_u32(out, count);
	for (; *texts != NULL; texts++) {
		buf_append_u32(out, (uint32_t)strlen(*texts));
		buf_append_str(out, *texts);
	}
}

/* Compressed as a first block. */
static void packed(const struct buf *raw, struct buf *out)
{
	uint8_t dictionary[SPDY_DICTIONARY_SIZE];
	z_stream z = { 0 };
	uint8_t *at = buf_reserve(out, raw->len + 1024);

	spdy_dictionary(dictionary);
	assert_int_equal(deflateInit(&z, 9), Z_OK);
	deflateSetDictionary(&z, dictionary, sizeof(dictionary));
	z.next_in = raw->data;
	z.avail_in = (uInt)raw->len;
	z.next_out = at;
	z.avail_out = (uInt)raw->len + 1024;
	assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	buf_commit(out, raw->len + 1024 - z.avail_out);
	deflateEnd(&z);
}

static int unpack_raw(const struct buf *raw, struct err *err)
{
	struct spdy_unpacker *u = spdy_unpacker_new();
	struct spdy_headers headers = { 0 };
	struct buf block = { 0 };
	int rc;

	packed(raw, &block);
	rc = spdy_unpack(u, block.data, block.len, &headers, err);
	buf_deinit(&block);
	spdy_headers_deinit(&headers);
	spdy_unpacker_free(u);
	return rc;
}

static void broken_blocks_are_refused(void **state)
{
	static const struct {
		uint32_t count;
		const char *texts[5];
	} rows[] = {
		{ 1, { "Upper", "x" } },
		{ 1, { "", "x" } },
		{ 1, { "a b", "x" } },
		{ 1, { "a", "x\ny" } },
		{ 2, { "a", "x", "a", "y" } },
		{ 2, { "a", "x" } },
		{ 1, { "a" } },
		{ 1, { "a", "x", "b", "y" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf raw = { 0 };
		struct err err = { 0 };

		raw_block(&raw, rows[i].count, rows[i].texts);
		if (unpack_raw(&raw, &err) != ERR_INVALID)
			fail_msg("row %zu is taken", i);
		buf_deinit(&raw);
	}
}

static void a_small_block_that_would_become_much_is_refused(void **state)
{
	struct buf raw = { 0 }, block = { 0 };
	struct err err = { 0 };

	(void)state;
	buf_append_u32(&raw, 1);
	buf_append_u32(&raw, 1);
	buf_append_byte(&raw, 'a');
	buf_append_u32(&raw, 10000000);
	for (size_t i = 0; i < 10000000; i++)
		buf_append_byte(&raw, 'x');
	packed(&raw, &block);
	assert_true(block.len < 16384); /* so it fits a frame */
	buf_deinit(&block);
	assert_int_equal(unpack_raw(&raw, &err), ERR_LIMIT);
	buf_deinit(&raw);
}

static void too_many_headers_are_refused(void **state)
{
	struct buf raw = { 0 };
	struct err err = { 0 };

	(void)state;
	buf_append_u32(&raw, SPDY_HEADERS_MAX + 1);
	for (unsigned i = 0; i <= SPDY_HEADERS_MAX; i++) {
		buf_append_u32(&raw, 3);
		buf_appendf(&raw, "a%02u", i);
		buf_append_u32(&raw, 0);
	}
	assert_int_equal(unpack_raw(&raw, &err), ERR_LIMIT);
	buf_deinit(&raw);
}

static void several_values_of_a_header_come_as_one(void **state)
{
	struct spdy_unpacker *u = spdy_unpacker_new();
	struct spdy_headers headers = { 0 };
	struct buf raw = { 0 }, block = { 0 };
	struct err err = { 0 };

	(void)state;
	buf_append_u32(&raw, 1);
	buf_append_u32(&raw, 1);
	buf_append(&raw, "a", 1);
	buf_append_u32(&raw, 3);
	buf_append(&raw, "x\0y", 3);
	packed(&raw, &block);
	assert_int_equal(spdy_unpack(u, block.data, block.len, &headers, &err), 0);
	assert_string_equal(spdy_headers_get(&headers, "a"), "x,y");
	assert_null(spdy_headers_get(&headers, "b"));
	spdy_headers_deinit(&headers);
	spdy_unpacker_free(u);
	buf_deinit(&block);
	buf_deinit(&raw);
}

/* --- streams --------------------------------------------------------------------------------- */

static void a_stream_lives_until_both_have_ended_it(void **state)
{
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	id = open_stream(p.client, "stdin");
	assert_int_equal(id, 1);
	expect(p.client, p.server, "opened 1 streamtype=stdin; ");
	assert_int_equal(spdy_reply(p.server, id, NULL, 0, &p.err), 0);
	expect(p.server, p.client, "replied 1; ");
	send_text(p.client, id, "hello", false);
	send_text(p.client, id, "", true);
	expect(p.client, p.server, "data 1 hello; data 1 fin ; ");
	assert_int_equal(spdy_room(p.client, id), 0);
	assert_true(spdy_has(p.client, id) && spdy_has(p.server, id));
	send_text(p.server, id, "bye", true);
	assert_false(spdy_has(p.server, id));
	expect(p.server, p.client, "data 1 fin bye; ");
	assert_false(spdy_has(p.client, id));
	pair_close(&p);
}

static void blocks_of_one_direction_are_one_stream_of_zlib(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	for (unsigned i = 0; i < 50; i++) {
		char port[16], want[64];
		const struct spdy_header headers[] = { { "streamtype", "data" }, { "port", port } };
		uint32_t id;

		snprintf(port, sizeof(port), "%u", 8000 + i);
		assert_int_equal(spdy_open(p.client, headers, 2, &id, &p.err), 0);
		snprintf(want, sizeof(want), "opened %u streamtype=data port=%s; ", id, port);
		expect(p.client, p.server, want);
	}
	pair_close(&p);
}

static void a_reset_ends_both_ways_and_what_was_under_way_is_dropped(void **state)
{
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	id = open_stream(p.client, "stdin");
	expect(p.client, p.server, "opened 1 streamtype=stdin; ");
	spdy_reset(p.server, id, SPDY_CANCEL);
	send_text(p.client, id, "on its way", false); /* before the reset arrives */
	expect(p.client, p.server, "");
	assert_int_equal(spdy_output(p.server)->len, 16); /* the reset alone */
	expect(p.server, p.client, "reset 1 5; ");
	assert_int_equal(spdy_room(p.client, id), 0);
	send_text(p.client, id, "too late", true);
	assert_int_equal(spdy_output(p.client)->len, 0);
	pair_close(&p);
}

static void what_breaks_a_streams_rules_ends_that_stream_only(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[32];
		size_t len;
		const char *says;
		uint8_t status;
	} rows[] = {
		{ "data for a stream that never was",
		  { 0, 0, 0, 9, 0, 0, 0, 2, 'h', 'i' },
		  10,
		  "",
		  SPDY_INVALID_STREAM },
		{ "data behind the end",
		  { 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 'x' },
		  17,
		  "data 1 fin ; reset 1 9; ",
		  SPDY_STREAM_CLOSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf says = { 0 };
		struct pair p;

		pair_open(&p);
		open_stream(p.client, "error");
		expect(p.client, p.server, "opened 1 streamtype=error; ");
		assert_int_equal(read_bytes(p.server, rows[i].bytes, rows[i].len, 3, &says, &p.err),
		                 0);
		assert_string_equal(buf_str(&says), rows[i].says);
		assert_int_equal(spdy_output(p.server)->len, 16);
		assert_int_equal(spdy_output(p.server)->data[15], rows[i].status);
		buf_clear(spdy_output(p.server));
		open_stream(p.client, "data");
		expect(p.client, p.server, "opened 3 streamtype=data; ");
		buf_deinit(&says);
		pair_close(&p);
	}
}

static void an_id_used_before_is_refused_and_the_session_goes_on(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	open_stream(p.client, "error");
	expect(p.client, p.server, "opened 1 streamtype=error; ");
	open_stream(p.client, "stdin");
	spdy_output(p.client)->data[11] = 1; /* its id */
	expect(p.client, p.server, "reset 1 1; ");
	open_stream(p.client, "stdout");
	expect(p.client, p.server, "opened 5 streamtype=stdout; ");
	pair_close(&p);
}

static void more_streams_than_the_bound_are_refused(void **state)
{
	struct buf says = { 0 };
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	for (unsigned i = 0; i < SPDY_STREAMS_MAX; i++) {
		open_stream(p.client, "data");
		read_bytes(p.server, spdy_output(p.client)->data, spdy_output(p.client)->len,
		           SIZE_MAX, &says, &p.err);
		buf_clear(spdy_output(p.client));
	}
	assert_int_equal(spdy_open(p.client, NULL, 0, &id, &p.err), ERR_LIMIT);
	spdy_reset(p.client, 1, SPDY_CANCEL); /* the server does not hear of it */
	buf_clear(spdy_output(p.client));
	open_stream(p.client, "data");
	expect(p.client, p.server, "");
	expect(p.server, p.client, "reset 513 3; ");
	buf_deinit(&says);
	pair_close(&p);
}

/* --- windows --------------------------------------------------------------------------------- */

static void window_update(struct buf *out, uint32_t id, uint32_t more)
{
	buf_append(out, "\x80\x03\x00\x09\x00\x00\x00\x08", 8);
	buf_append_u32(out, id);
	buf_append_u32(out, more);
}

static void a_peer_without_windows_is_sent_as_much_as_it_takes(void **state)
{
	char data[SPDY_WINDOW] = "";
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	id = open_stream(p.client, "stdin");
	for (int i = 0; i < 4; i++) {
		spdy_send(p.client, id, data, sizeof(data), false);
		buf_clear(spdy_output(p.client));
	}
	assert_int_equal(spdy_room(p.client, id), SPDY_ROOM_MAX);
	pair_close(&p);
}

static void a_peer_with_windows_binds_us_from_its_first_update_on(void **state)
{
	char data[SPDY_WINDOW] = "";
	struct buf wire = { 0 }, says = { 0 };
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	id = open_stream(p.client, "stdin");
	spdy_send(p.client, id, data, 1000, false);
	window_update(&wire, id, 500);
	assert_int_equal(read_bytes(p.client, wire.data, wire.len, 1, &says, &p.err), 0);
	assert_string_equal(buf_str(&says), "windows 0; ");
	assert_int_equal(spdy_room(p.client, id), SPDY_WINDOW - 500);
	spdy_send(p.client, id, data, SPDY_WINDOW - 500, false);
	assert_int_equal(spdy_room(p.client, id), 0);

	buf_clear(&wire); /* the session's own window binds too, once it is known to be kept */
	window_update(&wire, id, 100000);
	window_update(&wire, 0, 501);
	assert_int_equal(read_bytes(p.client, wire.data, wire.len, SIZE_MAX, &says, &p.err), 0);
	assert_int_equal(spdy_room(p.client, id), 1);
	buf_deinit(&wire);
	buf_deinit(&says);
	pair_close(&p);
}

static void a_window_that_opens_beyond_all_bounds_ends_the_session(void **state)
{
	struct buf wire = { 0 }, says = { 0 };
	struct pair p;

	(void)state;
	pair_open(&p);
	window_update(&wire, 0, 0x7fffffff);
	assert_int_equal(read_bytes(p.client, wire.data, wire.len, SIZE_MAX, &says, &p.err),
	                 ERR_INVALID);
	buf_deinit(&wire);
	buf_deinit(&says);
	pair_close(&p);
}

static void our_windows_are_wide_from_the_first_frame_on(void **state)
{
	static const uint8_t frames[] = {
		0x80, 3,    0,    4, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0,    7,    0x7f, 0xff,
		0xff, 0xff, 0x80, 3, 0, 9, 0, 0,  0, 8, 0, 0, 0, 0, 0x7f, 0xfe, 0xff, 0xff,
	};
	struct spdy *server = spdy_new(SPDY_SERVER), *client = spdy_new(SPDY_CLIENT);
	char data[SPDY_ROOM_MAX] = "";
	uint32_t id;

	(void)state;
	assert_int_equal(spdy_output(server)->len, sizeof(frames));
	assert_memory_equal(spdy_output(server)->data, frames, sizeof(frames));
	expect(server, client, "windows 0; windows 0; ");
	buf_clear(spdy_output(client));
	id = open_stream(client, "stdin");
	expect(client, server, "opened 1 streamtype=stdin; ");
	for (size_t sent = 0; sent < 64u * 1024 * 1024; sent += sizeof(data)) {
		assert_int_equal(spdy_room(client, id), SPDY_ROOM_MAX);
		spdy_send(client, id, data, sizeof(data), false);
		buf_clear(spdy_output(client));
		spdy_consumed(server, id, sizeof(data));
	}
	assert_int_equal(spdy_output(server)->len, 0);
	spdy_free(server);
	spdy_free(client);
}

static void a_window_that_is_half_used_up_is_opened_again(void **state)
{
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	id = open_stream(p.client, "stdin");
	expect(p.client, p.server, "opened 1 streamtype=stdin; ");
	spdy_consumed(p.server, id, SPDY_OUR_WINDOW / 2 - 1);
	assert_int_equal(spdy_output(p.server)->len, 0);
	spdy_consumed(p.server, id, 1);
	expect(p.server, p.client, "windows 0; windows 0; ");
	pair_close(&p);
}

/* --- the session ----------------------------------------------------------------------------- */

static void pings_are_answered_and_ours_come_back(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	spdy_ping(p.client);
	expect(p.client, p.server, "");
	assert_int_equal(spdy_output(p.server)->len, 12);
	expect(p.server, p.client, "");
	assert_int_equal(spdy_output(p.client)->len, 0);
	pair_close(&p);
}

static void a_peer_that_goes_away_takes_no_more_streams(void **state)
{
	struct pair p;
	uint32_t id;

	(void)state;
	pair_open(&p);
	spdy_goaway(p.server, SPDY_INTERNAL_ERROR);
	expect(p.server, p.client, "away 0 6; ");
	assert_int_equal(spdy_open(p.client, NULL, 0, &id, &p.err), ERR_LIMIT);
	pair_close(&p);
}

static void frames_that_cannot_be_end_the_session(void **state)
{
	static const struct {
		const char *what;
		uint8_t head[8];
		int code;
	} rows[] = {
		{ "version 2", { 0x80, 2, 0, 6, 0, 0, 0, 4 }, ERR_INVALID },
		{ "a long ping", { 0x80, 3, 0, 6, 0, 0, 0, 5 }, ERR_LIMIT },
		{ "a short reset", { 0x80, 3, 0, 3, 0, 0, 0, 7 }, ERR_INVALID },
		{ "a block of 16 MB", { 0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff }, ERR_LIMIT },
		{ "an unknown frame of 16 MB", { 0x80, 3, 0, 99, 0, 0xff, 0xff, 0xff }, ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf says = { 0 };
		struct err err = { 0 };
		struct spdy *s = spdy_new(SPDY_SERVER);

		if (read_bytes(s, rows[i].head, 8, SIZE_MAX, &says, &err) != rows[i].code)
			fail_msg("%s: %s", rows[i].what, err.msg);
		buf_deinit(&says);
		spdy_free(s);
	}
}

static void who_pings_without_reading_the_answers_is_cut_off(void **state)
{
	static const uint8_t ping[] = { 0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1 };
	struct spdy *s = spdy_new(SPDY_SERVER);
	struct buf says = { 0 };
	struct err err = { 0 };
	int rc = 0;

	(void)state;
	for (size_t i = 0; rc == 0 && i < SPDY_OUTPUT_MAX; i++)
		rc = read_bytes(s, ping, sizeof(ping), SIZE_MAX, &says, &err);
	assert_int_equal(rc, ERR_LIMIT);
	buf_deinit(&says);
	spdy_free(s);
}

static void a_frame_of_any_length_is_given_in_pieces_as_they_come(void **state)
{
	static const uint8_t head[] = { 0, 0, 0, 1, 1, 0xff, 0xff, 0xff };
	static char piece[65536];
	size_t left = 0xffffff, used;
	struct pair p;

	(void)state;
	pair_open(&p);
	open_stream(p.client, "stdin");
	expect(p.client, p.server, "opened 1 streamtype=stdin; ");
	assert_int_equal(spdy_read(p.server, head, 8, &used, &p.event, &p.err), 0);
	while (left > 0) {
		size_t n = left < sizeof(piece) ? left : sizeof(piece);

		assert_int_equal(spdy_read(p.server, piece, n, &used, &p.event, &p.err), 0);
		assert_int_equal(used, n);
		assert_int_equal(p.event.len, n);
		left -= n;
		assert_int_equal(p.event.fin, left == 0);
	}
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dictionary_is_the_one_that_everybody_has),
		cmocka_unit_test(streams_of_another_implementation_are_read_however_they_are_cut),
		cmocka_unit_test(what_kubectl_says_is_read_however_it_is_cut),
		cmocka_unit_test(broken_blocks_are_refused),
		cmocka_unit_test(a_small_block_that_would_become_much_is_refused),
		cmocka_unit_test(too_many_headers_are_refused),
		cmocka_unit_test(several_values_of_a_header_come_as_one),
		cmocka_unit_test(a_stream_lives_until_both_have_ended_it),
		cmocka_unit_test(blocks_of_one_direction_are_one_stream_of_zlib),
		cmocka_unit_test(a_reset_ends_both_ways_and_what_was_under_way_is_dropped),
		cmocka_unit_test(what_breaks_a_streams_rules_ends_that_stream_only),
		cmocka_unit_test(an_id_used_before_is_refused_and_the_session_goes_on),
		cmocka_unit_test(more_streams_than_the_bound_are_refused),
		cmocka_unit_test(a_peer_without_windows_is_sent_as_much_as_it_takes),
		cmocka_unit_test(a_peer_with_windows_binds_us_from_its_first_update_on),
		cmocka_unit_test(a_window_that_opens_beyond_all_bounds_ends_the_session),
		cmocka_unit_test(our_windows_are_wide_from_the_first_frame_on),
		cmocka_unit_test(a_window_that_is_half_used_up_is_opened_again),
		cmocka_unit_test(pings_are_answered_and_ours_come_back),
		cmocka_unit_test(a_peer_that_goes_away_takes_no_more_streams),
		cmocka_unit_test(frames_that_cannot_be_end_the_session),
		cmocka_unit_test(who_pings_without_reading_the_answers_is_cut_off),
		cmocka_unit_test(a_frame_of_any_length_is_given_in_pieces_as_they_come),
	};

	return unit_run(tests);
}

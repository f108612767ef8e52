#include "wire/sniff.h"

#include "base/buf.h"

#include "tests/unit/unit.h"

#include <string.h>

/* A length-prefixed vector around what is in `inner`, which is emptied. */
static void put_vector(struct buf *out, size_t prefix, struct buf *inner)
{
	if (prefix == 3)
		buf_append_byte(out, 0);
	if (prefix == 1)
		buf_append_byte(out, (uint8_t)inner->len);
	else
		buf_append_u16(out, (uint16_t)inner->len);
	buf_append(out, inner->data, inner->len);
	buf_deinit(inner);
}

static void put_extension(struct buf *out, unsigned type, struct buf *list)
{
	struct buf ext = { 0 };

	put_vector(&ext, 2, list);
	buf_append_u16(out, (uint16_t)type);
	put_vector(out, 2, &ext);
}

static void put_server_name(struct buf *out, const char *name)
{
	struct buf list = { 0 };
	struct buf text = { 0 };

	buf_append_byte(&list, 0);
	buf_append_str(&text, name);
	put_vector(&list, 2, &text);
	put_extension(out, 0, &list);
}

static void put_alpn(struct buf *out, const char *const *names)
{
	struct buf list = { 0 };
	struct buf text = { 0 };

	for (; *names != NULL; names++) {
		buf_append_str(&text, *names);
		put_vector(&list, 1, &text);
	}
	put_extension(out, 16, &list);
}

/* The handshake message around `extensions`, which is emptied. */
static void put_hello(struct buf *out, struct buf *extensions)
{
	struct buf body = { 0 };

	buf_append_u16(&body, 0x0303);
	for (int i = 0; i < 32; i++)
		buf_append_byte(&body, (uint8_t)i);
	buf_append_byte(&body, 0);
	buf_append_u16(&body, 2);
	buf_append_u16(&body, 0xc02b);
	buf_append_u16(&body, 0x0100);
	put_vector(&body, 2, extensions);
	buf_append_byte(out, 1);
	put_vector(out, 3, &body);
}

/* Cuts the message into records of `size` bytes. */
static void put_records(struct buf *out, const struct buf *hello, size_t size)
{
	for (size_t at = 0; at < hello->len; at += size) {
		size_t len = hello->len - at < size ? hello->len - at : size;

		buf_append_byte(out, 22);
		buf_append_u16(out, 0x0301);
		buf_append_u16(out, (uint16_t)len);
		buf_append(out, hello->data + at, len);
	}
}

static void make_hello(struct buf *out, const char *name, size_t record)
{
	static const char *const alpn[] = { "h2", "postern-stream/1", NULL };
	struct buf extensions = { 0 };
	struct buf hello = { 0 };

	put_server_name(&extensions, name);
	put_alpn(&extensions, alpn);
	put_hello(&hello, &extensions);
	put_records(out, &hello, record);
	buf_deinit(&hello);
}

static void the_first_bytes_tell_the_protocol(void **state)
{
	static const struct {
		const char *bytes;
		enum sniff_kind kind;
	} cases[] = {
		{ "", SNIFF_MORE },
		{ "S", SNIFF_MORE },
		{ "SSH-2.0-OpenSSH_9.2\r\n", SNIFF_SSH },
		{ "P", SNIFF_MORE },
		{ "PRI * HTTP/2.0\r\n", SNIFF_MORE },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SNIFF_HTTP2 },
		{ "PRI * HTTP/1.1\r\n", SNIFF_HTTP1 },
		{ "POST", SNIFF_MORE },
		{ "POSTERN", SNIFF_MORE },
		{ "POSTERN1", SNIFF_PREFACE },
		{ "POSTERN2", SNIFF_UNKNOWN },
		{ "POST /v1/Ping HTTP/1.1\r\n", SNIFF_HTTP1 },
		{ "GET / HTTP/1.1\r\n", SNIFF_HTTP1 },
		{ "get / HTTP/1.1\r\n", SNIFF_UNKNOWN },
		{ "ABCDEFGHIJKLMNOPQRS", SNIFF_UNKNOWN },
		{ " GET", SNIFF_UNKNOWN },
		{ "\x16\x03\x01", SNIFF_MORE },
		{ "\x16\x02\x01\x01\x01", SNIFF_UNKNOWN },
		{ "\x80\x2e\x01", SNIFF_UNKNOWN },
	};
	struct sniff s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sniff(&s, cases[i].bytes, strlen(cases[i].bytes)), cases[i].kind);
}

static void a_client_hello_gives_its_names_at_its_last_byte(void **state)
{
	static const size_t records[] = { 16384, 50, 1 };
	struct sniff s;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct buf b = { 0 };

		make_hello(&b, "Auth.Example.COM", records[i]);
		for (size_t len = 0; len < b.len; len++)
			assert_int_equal(sniff(&s, b.data, len), SNIFF_MORE);
		buf_append_str(&b, "and more"); /* nobody sends it, and it would not matter */
		assert_int_equal(sniff(&s, b.data, b.len), SNIFF_TLS);
		assert_string_equal(s.server_name, "auth.example.com");
		assert_true(sniff_offers(&s, "h2"));
		assert_true(sniff_offers(&s, "postern-stream/1"));
		assert_false(sniff_offers(&s, "http/1.1"));
		buf_deinit(&b);
	}
}

static void a_server_name_that_is_no_host_name_is_refused(void **state)
{
	static const char *const names[] = { "a/b", "..\x01", "a b", "", "a\r\nb" };
	struct sniff s;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf b = { 0 };

		make_hello(&b, names[i], 16384);
		assert_int_equal(sniff(&s, b.data, b.len), SNIFF_UNKNOWN);
		assert_string_equal(s.server_name, "");
		buf_deinit(&b);
	}
}

static void an_extension_that_comes_twice_is_refused(void **state)
{
	struct buf extensions = { 0 };
	struct buf hello = { 0 };
	struct buf b = { 0 };
	struct sniff s;

	(void)state;
	put_server_name(&extensions, "a.example.com");
	put_server_name(&extensions, "b.example.com");
	put_hello(&hello, &extensions);
	put_records(&b, &hello, 16384);
	assert_int_equal(sniff(&s, b.data, b.len), SNIFF_UNKNOWN);
	buf_deinit(&hello);
	buf_deinit(&b);
}

static void a_hello_without_end_is_given_up(void **state)
{
	uint8_t bytes[SNIFF_MAX];
	struct sniff s;

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03", 11);
	assert_int_equal(sniff(&s, bytes, 1000), SNIFF_MORE);
	assert_int_equal(sniff(&s, bytes, SNIFF_MAX), SNIFF_UNKNOWN);
	memcpy(bytes + 6, "\x01\x00\x00", 3);
	assert_int_equal(sniff(&s, bytes, 1000), SNIFF_UNKNOWN); /* announces 64 KB */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bytes_tell_the_protocol),
		cmocka_unit_test(a_client_hello_gives_its_names_at_its_last_byte),
		cmocka_unit_test(a_server_name_that_is_no_host_name_is_refused),
		cmocka_unit_test(an_extension_that_comes_twice_is_refused),
		cmocka_unit_test(a_hello_without_end_is_given_up),
	};

	return unit_run(tests);
}

#include "wire/http1.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define HEAD "POST /v1/Ping HTTP/1.1\r\nHost: example.com\r\n"

/* Feeds `text` in pieces of `step` bytes; returns the result, and how much was taken. */
static int feed(struct http1 *h, const char *text, size_t len, size_t step, size_t *out_used)
{
	struct err err = { 0 };
	size_t at = 0;
	size_t used;
	int rc = 0;

	while (rc == 0 && at < len && http1_state(h) != HTTP1_DONE) {
		rc = http1_feed(h, text + at, len - at < step ? len - at : step, &used, &err);
		at += used;
	}
	*out_used = at;
	return rc;
}

static void a_request_is_read_however_it_is_cut(void **state)
{
	static const char text[] =
	        HEAD "Content-Length: 5\r\nX-Empty:\r\nX-Two:  a b \t\r\n\r\nhello"
	             "GET / HTTP/1.1\r\n";

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		struct http1 *h = http1_new(HTTP1_REQUEST, NULL);
		const struct http1_message *m = http1_message(h);
		size_t used;

		assert_int_equal(feed(h, text, sizeof(text) - 1, step, &used), 0);
		assert_int_equal(http1_state(h), HTTP1_DONE);
		assert_string_equal(text + used, "GET / HTTP/1.1\r\n");
		assert_string_equal(m->method, "POST");
		assert_string_equal(m->target, "/v1/Ping");
		assert_int_equal(m->minor, 1);
		assert_int_equal(m->header_count, 4);
		assert_string_equal(http1_header(m, "x-empty"), "");
		assert_string_equal(http1_header(m, "X-TWO"), "a b");
		assert_null(http1_header(m, "x"));
		assert_true(m->keep_alive);
		assert_int_equal(m->body_len, 5);
		assert_memory_equal(m->body, "hello", 5);
		http1_next(h);
		assert_true(http1_idle(h));
		assert_int_equal(feed(h, HEAD "\r\n", sizeof(HEAD) + 1, step, &used), 0);
		assert_int_equal(http1_state(h), HTTP1_DONE);
		assert_int_equal(m->body_len, 0);
		http1_free(h);
	}
}

static void a_chunked_body_is_joined(void **state)
{
	static const char text[] = HEAD "Transfer-Encoding: chunked\r\n\r\n"
	                                "4\r\nWiki\r\n0A\r\n0123456789\r\n0\r\n\r\nnext";

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		struct http1 *h = http1_new(HTTP1_REQUEST, NULL);
		size_t used;

		assert_int_equal(feed(h, text, sizeof(text) - 1, step, &used), 0);
		assert_int_equal(http1_state(h), HTTP1_DONE);
		assert_string_equal(text + used, "next");
		assert_int_equal(http1_message(h)->body_len, 14);
		assert_memory_equal(http1_message(h)->body, "Wiki0123456789", 14);
		http1_free(h);
	}
}

/* Each of these means one thing to some parser and another thing to another one. */
static void what_two_parsers_read_differently_is_refused(void **state)
{
	static const char *const bad[] = {
		HEAD "Content-Length : 5\r\n\r\nhello",
		HEAD "Content-Length\t: 5\r\n\r\nhello",
		HEAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		HEAD "Ho st: a\r\n\r\n",
		HEAD " Content-Length: 5\r\n\r\nhello",
		HEAD "X: a\r\n b\r\n\r\n",
		HEAD "X: a\r\n\tb\r\n\r\n",
		HEAD "X: a\n\r\n",
		HEAD "X: a\r\n\n",
		"POST / HTTP/1.1\nHost: a\n\n\r\n\r\n",
		HEAD "X: a\rContent-Length: 5\r\n\r\n",
		HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		HEAD "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello",
		HEAD "Content-Length: 5, 5\r\n\r\nhello",
		HEAD "Content-Length: +5\r\n\r\nhello",
		HEAD "Content-Length: -1\r\n\r\n",
		HEAD "Content-Length: 0x5\r\n\r\nhello",
		HEAD "Content-Length: 5 5\r\n\r\nhello",
		HEAD "Content-Length:\r\n\r\n",
		HEAD "Content-Length: 99999999999999999999\r\n\r\n",
		HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		HEAD "Transfer-Encoding: gzip\r\n\r\n",
		HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		HEAD "Transfer-Encoding: chunked, identity\r\n\r\n",
		HEAD "Transfer-Encoding: identity\r\n\r\n",
		HEAD "Transfer-Encoding: xchunked\r\n\r\n",
		HEAD "Transfer-Encoding: \x0b"
		     "chunked\r\n\r\n",
		HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		HEAD "Transfer-Encoding:\r\n\r\n",
		HEAD "Host: other.example.com\r\n\r\n",
		HEAD ": no name\r\n\r\n",
		HEAD "no colon\r\n\r\n",
		HEAD "X\x01: a\r\n\r\n",
		HEAD "X: a\x01\r\n\r\n",
		HEAD "X: a\x7f\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"POST  / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /  HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1 \r\nHost: a\r\n\r\n",
		" POST / HTTP/1.1\r\nHost: a\r\n\r\n",
		"\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /\tHTTP/1.1\r\nHost: a\r\n\r\n",
		"post / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT evil:443 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.2\r\nHost: a\r\n\r\n",
		"POST / HTTP/2.0\r\nHost: a\r\n\r\n",
		"POST / HTTP/0.9\r\nHost: a\r\n\r\n",
		"POST / http/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1x\r\nHost: a\r\n\r\n",
		"POST /\r\nHost: a\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (size_t step = 1; step < 100; step += 98) {
			struct http1 *h = http1_new(HTTP1_REQUEST, NULL);
			struct err err = { 0 };
			size_t used;

			if (feed(h, bad[i], strlen(bad[i]), step, &used) != ERR_INVALID)
				fail_msg("accepted: %s", bad[i]);
			assert_int_equal(http1_feed(h, "x", 1, &used, &err), ERR_INVALID);
			http1_free(h);
		}
	}
}

static void loose_chunks_are_refused(void **state)
{
	static const char *const bad[] = {
		"5;ext=1\r\nhello\r\n0\r\n\r\n",
		"5 \r\nhello\r\n0\r\n\r\n",
		" 5\r\nhello\r\n0\r\n\r\n",
		"5\nhello\r\n0\r\n\r\n",
		"5\r\nhelloX\r\n0\r\n\r\n",
		"5\r\nhello\n0\r\n\r\n",
		"5\r\nhello0\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n",
		"-5\r\nhello\r\n0\r\n\r\n",
		"\r\n0\r\n\r\n",
		"g\r\n",
		"0\r\nTrailer: x\r\n\r\n",
		"0\r\nX\n\r\n",
		"fffffffffffffffff\r\n",
		"0000000000000000000000000000\r\n\r\nx", /* many zeros are fine, the rest is not
		                                            ours */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool fine = i + 1 == sizeof(bad) / sizeof(bad[0]);
		struct http1 *h = http1_new(HTTP1_REQUEST, NULL);
		struct buf b = { 0 };
		size_t used;

		buf_append_str(&b, HEAD "Transfer-Encoding: chunked\r\n\r\n");
		buf_append_str(&b, bad[i]);
		if (feed(h, buf_str(&b), b.len, 7, &used) != (fine ? 0 : ERR_INVALID))
			fail_msg("chunks: %s", bad[i]);
		http1_free(h);
		buf_deinit(&b);
	}
}

static void a_nul_is_refused_anywhere_in_the_head(void **state)
{
	static const char text[] = HEAD "X: abc\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		struct http1 *h = http1_new(HTTP1_REQUEST, NULL);
		char bad[sizeof(text)];
		size_t used;

		memcpy(bad, text, sizeof(text));
		bad[i] = 0;
		feed(h, bad, sizeof(text) - 1, 1000, &used);
		assert_int_not_equal(http1_state(h), HTTP1_DONE);
		http1_free(h);
	}
}

static void what_is_too_long_is_refused_as_such(void **state)
{
	static const struct http1_limits limits = { 64, 200, 4, 10 };
	static const char *const bad[] = {
		HEAD "X: 0123456789012345678901234567890123456789012345678901234567890123\r\n\r\n",
		HEAD "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n",
		HEAD "A: 01234567890123456789012345678901234567890123456789\r\n"
		     "B: 01234567890123456789012345678901234567890123456789\r\n"
		     "C: 01234567890123456789012345678901234567890123456789\r\n\r\n",
		HEAD "Content-Length: 11\r\n\r\n",
		HEAD "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http1 *h = http1_new(HTTP1_REQUEST, &limits);
		size_t used;

		if (feed(h, bad[i], strlen(bad[i]), 1000, &used) != ERR_LIMIT)
			fail_msg("not too long: %s", bad[i]);
		http1_free(h);
	}
}

static void count_bytes(void *ctx, const void *data, size_t len)
{
	(void)data;
	*(size_t *)ctx += len;
}

static void a_streamed_body_is_not_kept_and_not_bounded(void **state)
{
	static const struct http1_limits limits = { 0, 0, 0, 2 };
	static const char text[] = HEAD "Content-Length: 5\r\n\r\nhello";
	struct http1 *h = http1_new(HTTP1_REQUEST, &limits);
	size_t count = 0;
	size_t used;

	(void)state;
	http1_stream_body(h, count_bytes, &count);
	assert_int_equal(feed(h, text, sizeof(text) - 1, 3, &used), 0);
	assert_int_equal(http1_state(h), HTTP1_DONE);
	assert_int_equal(count, 5);
	assert_int_equal(http1_message(h)->body_len, 0);
	http1_free(h);
}

static void responses_end_by_length_by_chunks_or_by_the_connection(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *body; /* NULL: cut off */
		bool eof;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false },
		{ "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		  404, "hi", false },
		{ "HTTP/1.1 200\r\n\r\nuntil the end", 200, "until the end", true },
		{ "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
		  201, "x", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", 200, NULL, true },
		{ "HTTP/1.1 200 OK\r\nContent-Le", 0, NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http1 *h = http1_new(HTTP1_RESPONSE, NULL);
		const struct http1_message *m = http1_message(h);
		struct err err = { 0 };
		size_t used;

		assert_int_equal(feed(h, cases[i].text, strlen(cases[i].text), 5, &used), 0);
		if (cases[i].eof)
			assert_int_equal(http1_eof(h, &err),
			                 cases[i].body != NULL ? 0 : ERR_UNAVAILABLE);
		assert_int_equal(http1_state(h) == HTTP1_DONE, cases[i].body != NULL);
		assert_int_equal(m->status, cases[i].status);
		if (cases[i].body != NULL) {
			assert_int_equal(m->body_len, strlen(cases[i].body));
			assert_memory_equal(m->body != NULL ? (const char *)m->body : "",
			                    cases[i].body, m->body_len);
		}
		http1_free(h);
	}
}

static void an_answer_to_head_has_no_body(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP";
	struct http1 *h = http1_new(HTTP1_RESPONSE, NULL);
	size_t used;

	(void)state;
	http1_expect_no_body(h);
	assert_int_equal(feed(h, text, sizeof(text) - 1, 1000, &used), 0);
	assert_int_equal(http1_state(h), HTTP1_DONE);
	assert_string_equal(text + used, "HTTP");
	http1_free(h);
}

static void what_the_writers_write_the_parser_reads(void **state)
{
	static const struct http1_header headers[] = { { "Host", "a" }, { "X-A", "b" } };
	struct http1 *h = http1_new(HTTP1_RESPONSE, NULL);
	struct buf b = { 0 };
	struct err err = { 0 };
	size_t used;

	(void)state;
	assert_int_equal(http1_write_request(&b, "POST", "/x?y", headers, 2, "hi", 2, &err), 0);
	assert_string_equal(buf_str(&b), "POST /x?y HTTP/1.1\r\nHost: a\r\nX-A: b\r\n"
	                                 "Content-Length: 2\r\n\r\nhi");
	buf_clear(&b);
	assert_int_equal(http1_write_chunked_head(&b, 200, headers, 2, &err), 0);
	http1_write_chunk(&b, "hello", 5);
	http1_write_chunk(&b, NULL, 0);
	assert_int_equal(feed(h, buf_str(&b), b.len, 3, &used), 0);
	assert_int_equal(http1_state(h), HTTP1_DONE);
	assert_memory_equal(http1_message(h)->body, "hello", 5);
	buf_clear(&b);
	assert_int_equal(http1_write_response(&b, 204, NULL, 0, NULL, 0, &err), 0);
	assert_string_equal(buf_str(&b), "HTTP/1.1 204 No Content\r\n\r\n");
	buf_deinit(&b);
	http1_free(h);
}

static void the_writers_let_no_line_be_forged(void **state)
{
	static const struct http1_header bad[] = {
		{ "X", "a\r\nSet-Cookie: b" },
		{ "X", "a\nb" },
		{ "X:", "a" },
		{ "", "a" },
		{ "X\r\nY", "a" },
		{ "Content-Length", "5" },
		{ "transfer-encoding", "chunked" },
	};
	static const char *const targets[] = { "", "/a b", "/a\r\nX: y", "http://a/", "/\x80" };
	struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http1_write_response(&b, 200, &bad[i], 1, NULL, 0, &err),
		                 ERR_INVALID);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_int_equal(http1_write_request(&b, "GET", targets[i], NULL, 0, NULL, 0, &err),
		                 ERR_INVALID);
	assert_int_equal(http1_write_request(&b, "GE T", "/", NULL, 0, NULL, 0, &err), ERR_INVALID);
	assert_int_equal(b.len, 0);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_however_it_is_cut),
		cmocka_unit_test(a_chunked_body_is_joined),
		cmocka_unit_test(what_two_parsers_read_differently_is_refused),
		cmocka_unit_test(loose_chunks_are_refused),
		cmocka_unit_test(a_nul_is_refused_anywhere_in_the_head),
		cmocka_unit_test(what_is_too_long_is_refused_as_such),
		cmocka_unit_test(a_streamed_body_is_not_kept_and_not_bounded),
		cmocka_unit_test(responses_end_by_length_by_chunks_or_by_the_connection),
		cmocka_unit_test(an_answer_to_head_has_no_body),
		cmocka_unit_test(what_the_writers_write_the_parser_reads),
		cmocka_unit_test(the_writers_let_no_line_be_forged),
	};

	return unit_run(tests);
}

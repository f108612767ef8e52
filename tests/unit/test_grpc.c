#include "wire/grpc.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

static void frames_come_out_whole_however_they_are_cut(void **state)
{
	struct grpc_reader r;
	struct buf wire = { 0 };
	struct err err = { 0 };
	const uint8_t *data;
	size_t len;
	bool some;
	int seen = 0;

	(void)state;
	grpc_write_frame(&wire, "hello", 5);
	grpc_write_frame(&wire, NULL, 0);
	grpc_write_frame(&wire, "you", 3);
	grpc_reader_init(&r, 0);
	for (size_t i = 0; i < wire.len; i++) {
		assert_int_equal(grpc_reader_feed(&r, wire.data + i, 1, &err), 0);
		assert_int_equal(grpc_reader_next(&r, &some, &data, &len, &err), 0);
		if (!some)
			continue;
		seen++;
		assert_int_equal(len, seen == 1 ? 5 : seen == 2 ? 0 : 3);
		assert_int_equal(grpc_reader_waiting(&r), 0);
	}
	assert_int_equal(seen, 3);
	grpc_reader_feed(&r, "\0\0", 2, &err);
	assert_int_equal(grpc_reader_waiting(&r), 2);
	grpc_reader_deinit(&r);
	buf_deinit(&wire);
}

static void two_frames_in_one_piece_come_out_one_by_one(void **state)
{
	struct grpc_reader r;
	struct err err = { 0 };
	const uint8_t *data;
	size_t len;
	bool some;

	(void)state;
	grpc_reader_init(&r, 0);
	assert_int_equal(grpc_reader_feed(&r, "\0\0\0\0\1a\0\0\0\0\2bc", 13, &err), 0);
	assert_int_equal(grpc_reader_next(&r, &some, &data, &len, &err), 0);
	assert_true(some && len == 1 && *data == 'a');
	assert_int_equal(grpc_reader_next(&r, &some, &data, &len, &err), 0);
	assert_true(some && len == 2 && *data == 'b');
	assert_int_equal(grpc_reader_next(&r, &some, &data, &len, &err), 0);
	assert_false(some);
	grpc_reader_deinit(&r);
}

static void bad_frames_are_refused(void **state)
{
	static const struct {
		uint8_t bytes[5];
		int code;
	} cases[] = {
		{ { 1, 0, 0, 0, 1 }, ERR_UNSUPPORTED },
		{ { 2, 0, 0, 0, 1 }, ERR_INVALID },
		{ { 0, 0, 0, 1, 1 }, ERR_LIMIT },
		{ { 0, 255, 255, 255, 255 }, ERR_LIMIT },
	};
	const uint8_t *data;
	size_t len;
	bool some;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct grpc_reader r;
		struct err err = { 0 };

		grpc_reader_init(&r, 256);
		assert_int_equal(grpc_reader_feed(&r, cases[i].bytes, 5, &err), 0);
		assert_int_equal(grpc_reader_next(&r, &some, &data, &len, &err), cases[i].code);
		assert_false(some);
		grpc_reader_deinit(&r);
	}
}

static void every_code_survives_the_wire(void **state)
{
	(void)state;
	for (int code = 0; code < ERR_CODES; code++) {
		int back = grpc_to_err(grpc_from_err(code));

		if (code == ERR_IO)
			assert_int_equal(back, ERR_INTERNAL);
		else if (code == ERR_NOMEM)
			assert_int_equal(back, ERR_LIMIT);
		else if (code == ERR_UNTRUSTED)
			assert_int_equal(back, ERR_UNAUTHENTICATED);
		else
			assert_int_equal(back, code);
		assert_true(grpc_http_status(code) >= 200);
		assert_non_null(grpc_code_name(code));
	}
	for (int grpc = 0; grpc <= 16; grpc++)
		assert_true(grpc == 0 ? grpc_to_err(grpc) == 0 : grpc_to_err(grpc) != 0);
	assert_int_equal(grpc_to_err(99), ERR_INTERNAL);
	assert_int_equal(grpc_from_err(-1), 13);
}

static void http_statuses_are_those_of_the_contract(void **state)
{
	static const struct {
		int err, http;
	} cases[] = {
		{ ERR_NOT_FOUND, 404 }, { ERR_EXISTS, 409 },          { ERR_INVALID, 400 },
		{ ERR_CONFLICT, 412 },  { ERR_UNAVAILABLE, 503 },     { ERR_DENIED, 403 },
		{ ERR_LIMIT, 429 },     { ERR_UNAUTHENTICATED, 401 }, { ERR_TIMEOUT, 504 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(grpc_http_status(cases[i].err), cases[i].http);
		assert_int_equal(grpc_err_from_http(cases[i].http), cases[i].err);
	}
	assert_int_equal(grpc_err_from_http(200), 0);
	assert_int_equal(grpc_err_from_http(418), ERR_INTERNAL);
}

static void messages_are_percent_encoded_and_come_back(void **state)
{
	static const char text[] = "role 'd\xc3\xa9v': 100% \n wrong";
	struct buf wire = { 0 };
	struct buf back = { 0 };

	(void)state;
	grpc_encode_message(&wire, text);
	assert_string_equal(buf_str(&wire), "role 'd%C3%A9v': 100%25 %0A wrong");
	grpc_decode_message(&back, buf_str(&wire));
	assert_string_equal(buf_str(&back), "role 'd\xc3\xa9v': 100%   wrong");
	buf_clear(&back);
	grpc_decode_message(&back, "50% %4 %zz%00%1b[2J");
	assert_string_equal(buf_str(&back), "50% %4 %zz  [2J");
	buf_deinit(&wire);
	buf_deinit(&back);
}

static void paths_and_types_are_told_apart(void **state)
{
	(void)state;
	assert_string_equal(grpc_method_of("/postern.v1.Auth/Ping", "postern.v1.Auth"), "Ping");
	assert_null(grpc_method_of("/postern.v1.Authority/Ping", "postern.v1.Auth"));
	assert_null(grpc_method_of("postern.v1.Auth/Ping", "postern.v1.Auth"));
	assert_true(grpc_content_type("application/grpc"));
	assert_true(grpc_content_type("application/grpc+proto"));
	assert_true(grpc_content_type("application/grpc;charset=utf-8"));
	assert_false(grpc_content_type("application/grpc+json"));
	assert_false(grpc_content_type("application/grpcx"));
	assert_false(grpc_content_type(NULL));
}

static void timeouts_are_read_in_every_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: bad */
	} cases[] = {
		{ "5S", 5000 },   { "100m", 100 },      { "1n", 1 },   { "1500u", 2 },
		{ "2M", 120000 }, { "1H", 3600000 },    { "0m", 0 },   { "99999999H", 2592000000 },
		{ "S", -1 },      { "5", -1 },          { "5s", -1 },  { "-5S", -1 },
		{ "", -1 },       { "123456789m", -1 }, { "5SS", -1 }, { " 5S", -1 },
	};
	char text[GRPC_TIMEOUT_SIZE];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;

		assert_int_equal(grpc_parse_timeout(cases[i].text, &ms, &err),
		                 cases[i].ms < 0 ? ERR_INVALID : 0);
		assert_int_equal(ms, cases[i].ms);
	}
	assert_string_equal(grpc_format_timeout(text, 1500), "1500m");
	assert_string_equal(grpc_format_timeout(text, 200000000), "200000S");
	assert_string_equal(grpc_format_timeout(text, -3), "0m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_whole_however_they_are_cut),
		cmocka_unit_test(two_frames_in_one_piece_come_out_one_by_one),
		cmocka_unit_test(bad_frames_are_refused),
		cmocka_unit_test(every_code_survives_the_wire),
		cmocka_unit_test(http_statuses_are_those_of_the_contract),
		cmocka_unit_test(messages_are_percent_encoded_and_come_back),
		cmocka_unit_test(paths_and_types_are_told_apart),
		cmocka_unit_test(timeouts_are_read_in_every_unit),
	};

	return unit_run(tests);
}

#include "record/export.h"

#include "tests/unit/sample.h"

/* Exports the sample, fed frame by frame. */
static void export_sample(enum export_format format, struct buf *out)
{
	struct frame_reader r;
	struct exporter *e = export_new(format);
	struct buf bytes = { 0 };
	const pv_Frame *f = NULL;
	struct err err = { 0 };

	assert_non_null(e);
	sample_recording(&bytes);
	frame_reader_init(&r);
	assert_int_equal(frame_reader_feed(&r, bytes.data, bytes.len, &err), 0);
	while (frame_reader_next(&r, &f, &err) == 0 && f != NULL)
		assert_int_equal(export_frame(e, f, out, &err), 0);
	assert_int_equal(export_end(e, out, &err), 0);
	assert_int_equal(err.code, 0);
	frame_reader_deinit(&r);
	buf_deinit(&bytes);
	export_free(e);
}

static void check(enum export_format format, const char *expected)
{
	struct buf out = { 0 };

	export_sample(format, &out);
	assert_string_equal(buf_str(&out), expected);
	buf_deinit(&out);
}

static void raw_is_what_the_terminal_got(void **state)
{
	(void)state;
	check(EXPORT_RAW, "$ \x1b[1mls\x1b[0m\r\ncaf\xc3\xa9  \"x\"\r\nbad \xff byte\r\nlast");
}

static void text_is_what_a_reader_saw(void **state)
{
	(void)state;
	check(EXPORT_TEXT, "$ ls\ncaf\xc3\xa9  \"x\"\nbad \xef\xbf\xbd byte\nlast\n");
}

static void asciicast_has_a_header_and_an_event_a_line(void **state)
{
	(void)state;
	check(EXPORT_ASCIICAST,
	      "{\"version\": 2, \"width\": 80, \"height\": 24, \"timestamp\": 1763628000, "
	      "\"title\": \"alice: root@web-1\", \"env\": {\"TERM\": \"xterm\"}}\n"
	      "[0.250, \"o\", \"$ \\u001b[1mls\\u001b[0m\\r\\n\"]\n"
	      "[1.300, \"o\", \"caf\"]\n"
	      "[1.400, \"o\", \"\xc3\xa9  \\\"x\\\"\\r\\n\"]\n"
	      "[1.500, \"r\", \"120x40\"]\n"
	      "[1.600, \"m\", \"bob joined\"]\n"
	      "[2.000, \"o\", \"bad \xef\xbf\xbd byte\\r\\nlast\"]\n");
}

static void json_keeps_every_frame_with_its_bytes(void **state)
{
	static const char first[] = "{\"time\":\"2025-11-20T08:40:00Z\",\"start\":{\"session_id\":"
	                            "\"" SAMPLE_SID "\",\"cluster\":\"example\",";
	struct buf out = { 0 };

	(void)state;
	export_sample(EXPORT_JSON, &out);
	assert_memory_equal(buf_str(&out), first, sizeof(first) - 1);
	assert_non_null(strstr(buf_str(&out), "\"output\":\"JCAbWzFtbHMbWzBtDQo=\"}\n"));
	assert_non_null(strstr(buf_str(&out), "\"error_output\":\"YmFkIP8gYnl0ZQ0KbGFzdA==\"}\n"));
	assert_int_equal(buf_str(&out)[out.len - 1], '\n');
	buf_deinit(&out);
}

static void formats_go_by_name(void **state)
{
	enum export_format format = EXPORT_RAW;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(export_format_parse("asciicast", &format, &err), 0);
	assert_int_equal(format, EXPORT_ASCIICAST);
	assert_int_equal(export_format_parse("gif", &format, &err), ERR_INVALID);
	assert_string_equal(err.msg, "'gif' is not one of pty, raw, text, json, asciicast");
}

static void a_recording_without_its_start_is_refused(void **state)
{
	struct exporter *e = export_new(EXPORT_RAW);
	pv_Frame f = { .which_of = pv_Frame_resize_tag };
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(export_frame(e, &f, &out, &err), ERR_CORRUPT);
	export_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_is_what_the_terminal_got),
		cmocka_unit_test(text_is_what_a_reader_saw),
		cmocka_unit_test(asciicast_has_a_header_and_an_event_a_line),
		cmocka_unit_test(json_keeps_every_frame_with_its_bytes),
		cmocka_unit_test(formats_go_by_name),
		cmocka_unit_test(a_recording_without_its_start_is_refused),
	};

	return unit_run(tests);
}

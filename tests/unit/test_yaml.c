#include "conf/yaml.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"

#include "tests/unit/unit.h"

#include <string.h>

static void scalars_without_quotes_have_yaml_1_1_types(void **state)
{
	static const struct {
		const char *text;
		enum value_type type;
		int64_t number;
	} cases[] = {
		{ "", VALUE_NULL, 0 },
		{ "~", VALUE_NULL, 0 },
		{ "Null", VALUE_NULL, 0 },
		{ "yes", VALUE_BOOL, 1 },
		{ "Off", VALUE_BOOL, 0 },
		{ "TRUE", VALUE_BOOL, 1 },
		{ "y", VALUE_TEXT, 0 },
		{ "0", VALUE_INT, 0 },
		{ "-17", VALUE_INT, -17 },
		{ "9223372036854775807", VALUE_INT, INT64_MAX },
		{ "9223372036854775808", VALUE_OTHER_NUMBER, 0 },
		{ "0660", VALUE_OTHER_NUMBER, 0 },
		{ "0x1f", VALUE_OTHER_NUMBER, 0 },
		{ "1_000", VALUE_OTHER_NUMBER, 0 },
		{ "1.5", VALUE_OTHER_NUMBER, 0 },
		{ "-.5", VALUE_OTHER_NUMBER, 0 },
		{ "1e3", VALUE_OTHER_NUMBER, 0 },
		{ ".inf", VALUE_OTHER_NUMBER, 0 },
		{ "1.2.3", VALUE_TEXT, 0 },
		{ "8h", VALUE_TEXT, 0 },
		{ "0x", VALUE_TEXT, 0 },
		{ "-", VALUE_TEXT, 0 },
		{ "2030-01-31", VALUE_TEXT, 0 },
		{ "127.0.0.1:22", VALUE_TEXT, 0 },
		{ "inf", VALUE_TEXT, 0 },
		{ "nothing", VALUE_TEXT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t number;

		if (value_resolve(cases[i].text, &number) != cases[i].type)
			fail_msg("'%s' is %s", cases[i].text,
			         value_type_name(value_resolve(cases[i].text, &number)));
		assert_int_equal(number, cases[i].number);
	}
}

/* Whatever a text holds, it is the same text when it is read again. */
static void texts_survive_being_written(void **state)
{
	static const char *const texts[] = {
		"",
		"yes",
		"no",
		"y",
		"12",
		"0660",
		"1.5",
		"12:30",
		"2030-01-31",
		"~",
		"null",
		"a: b",
		"# x",
		"- a",
		"{x}",
		"'",
		"\"",
		"two\nlines",
		" lead",
		"trail ",
		"\n",
		"\t",
		"\x1b[",
		"\xc3\xa9",
		"a\\b",
		"*",
		"&x",
		"!tag",
		"multi\n\n  indented\n",
		"=",
		"<<",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct value *map = value_new(VALUE_MAP);
		struct yaml_docs docs;
		struct buf out = { 0 };
		struct err err = { 0 };

		assert_int_equal(value_put(map, "k", value_new_text(texts[i]), &err), 0);
		assert_int_equal(value_put(map, texts[i], value_new_text("v"), &err), 0);
		assert_int_equal(yaml_write(map, &out, &err), 0);
		if (yaml_read("x", out.data, out.len, &docs, &err) != 0)
			fail_msg("%s: %s", buf_str(&out), err.msg);
		assert_int_equal(docs.count, 1);
		assert_int_equal(docs.items[0]->items[0]->type, VALUE_TEXT);
		assert_string_equal(docs.items[0]->items[0]->text, texts[i]);
		assert_string_equal(docs.items[0]->items[1]->key, texts[i]);
		yaml_docs_deinit(&docs);
		buf_deinit(&out);
		value_free(map);
	}
}

static void values_know_their_lines(void **state)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - y\n---\nc: 2\n";
	struct yaml_docs docs;
	struct err err;

	(void)state;
	assert_int_equal(yaml_read("x", text, strlen(text), &docs, &err), 0);
	assert_int_equal(docs.count, 2);
	assert_int_equal(docs.items[0]->items[1]->key_line, 2);
	assert_int_equal(docs.items[0]->items[1]->items[1]->line, 4);
	assert_int_equal(docs.items[1]->items[0]->line, 6);
	yaml_docs_deinit(&docs);
}

static void what_is_not_plain_yaml_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "a: 1\na: 2\n", "x:2: 'a' is given twice" },
		{ "<<: {a: 1}\n", "x:1: merge keys are not supported" },
		{ "a: &x 1\nb: *x\n", "x:2: aliases are not supported" },
		{ "[a]: 1\n", "x:1: a key must be a single word" },
		{ "a: \"\\0\"\n", "x:1: a text holds a NUL byte" },
		{ "\"a\\0b\": 1\n", "x:1: a key holds a NUL byte" },
		{ "a: 'open\n", "x:2: found unexpected end of stream" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct yaml_docs docs;
		struct err err;

		assert_int_equal(yaml_read("x", cases[i].text, strlen(cases[i].text), &docs, &err),
		                 ERR_INVALID);
		assert_string_equal(err.msg, cases[i].message);
	}
}

static void writing_what_is_not_utf8_fails(void **state)
{
	struct value *v = value_new_text("\xff");
	struct buf out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(yaml_write(v, &out, &err), ERR_INVALID);
	buf_deinit(&out);
	value_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_without_quotes_have_yaml_1_1_types),
		cmocka_unit_test(texts_survive_being_written),
		cmocka_unit_test(values_know_their_lines),
		cmocka_unit_test(what_is_not_plain_yaml_is_refused),
		cmocka_unit_test(writing_what_is_not_utf8_fails),
	};

	return unit_run(tests);
}

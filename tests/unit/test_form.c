#include "wire/form.h"

#include "base/buf.h"
#include "base/err.h"
#include "tests/unit/unit.h"

#include <string.h>

static int get(const char *body, const char *name, struct buf *out)
{
	struct err e = { 0 };

	buf_clear(out);
	return form_get((const uint8_t *)body, strlen(body), name, out, &e);
}

static void a_field_is_found_and_decoded(void **state)
{
	static const struct {
		const char *body;
		const char *value;
	} rows[] = {
		{ "password=secret", "secret" },       { "token=x&password=a+b%26c", "a b&c" },
		{ "password=&token=x", "" },           { "passwordx=1&password=2&password=3", "2" },
		{ "password=%C3%A4%2B", "\xc3\xa4+" }, { "&&password=x&", "x" },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(get(rows[i].body, "password", &out), 0);
		assert_string_equal(buf_str(&out), rows[i].value);
	}
	buf_deinit(&out);
}

static void what_is_broken_or_absent_is_refused(void **state)
{
	static const struct {
		const char *body;
		int code;
	} rows[] = {
		{ "", ERR_NOT_FOUND },
		{ "password", ERR_NOT_FOUND },
		{ "xpassword=1", ERR_NOT_FOUND },
		{ "password=%", ERR_INVALID },
		{ "password=%4", ERR_INVALID },
		{ "password=%zz", ERR_INVALID },
		{ "password=a%00b", ERR_INVALID },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(get(rows[i].body, "password", &out), rows[i].code);
	buf_deinit(&out);
}

static void markup_becomes_text(void **state)
{
	struct buf out = { 0 };

	(void)state;
	form_append_html(&out, "<b a=\"1\" c='2'>&");
	assert_string_equal(buf_str(&out), "&#60;b a=&#34;1&#34; c=&#39;2&#39;&#62;&#38;");
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_is_found_and_decoded),
		cmocka_unit_test(what_is_broken_or_absent_is_refused),
		cmocka_unit_test(markup_becomes_text),
	};

	return unit_run(tests);
}

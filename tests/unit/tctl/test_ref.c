#include "tctl/ref.h"

#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"

#include "tests/unit/unit.h"

#include <string.h>

static int parse(const char *text, char *copy, size_t size, struct ref *out, struct err *err)
{
	assert_int_equal(str_copy(copy, size, text), 0);
	return ref_parse(copy, out, err);
}

static void kinds_go_by_name_and_alias(void **state)
{
	static const struct {
		const char *text, *kind, *sub_kind, *name;
	} cases[] = {
		{ "role", "role", NULL, NULL },
		{ "Roles", "role", NULL, NULL },
		{ "role/dev", "role", NULL, "dev" },
		{ "user/alice@example.com", "user", NULL, "alice@example.com" },
		{ "role/a/b", "role", NULL, "a/b" }, /* authd refuses the name */
		{ "ca", "cert_authority", NULL, NULL },
		{ "cas/host", "cert_authority", "host", NULL },
		{ "cert_authority/host/example.com", "cert_authority", "host", "example.com" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ref ref;
		struct err err;
		char text[64];

		assert_int_equal(parse(cases[i].text, text, sizeof(text), &ref, &err), 0);
		assert_string_equal(ref.kind->name, cases[i].kind);
		assert_true(str_eq(ref.sub_kind, cases[i].sub_kind));
		assert_true(str_eq(ref.name, cases[i].name));
	}
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "rolls", "'rolls' is no kind of resource, did you mean 'role'?" },
		{ "kubernetes", "'kubernetes' is no kind of resource" },
		{ "role/", "which role?" },
		{ "ca//x", "which cert_authority?" },
		{ "", "'' is no kind of resource" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ref ref;
		struct err err;
		char text[64];

		assert_int_equal(parse(cases[i].text, text, sizeof(text), &ref, &err), ERR_INVALID);
		assert_string_equal(err.msg, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_go_by_name_and_alias),
		cmocka_unit_test(mistakes_are_named),
	};

	return unit_run(tests);
}

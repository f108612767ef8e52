#include "conf/suggest.h"

#include "base/str.h"

#include "tests/unit/unit.h"

static void the_nearest_name_is_meant(void **state)
{
	static const struct {
		const char *wrong;
		const char *best; /* NULL: nothing is near */
	} cases[] = {
		{ "login", "logins" },
		{ "Logins", "logins" },
		{ "node_label", "node_labels" },
		{ "ruels", "rules" },
		{ "x", NULL },
		{ "", NULL },
		{ "kubernetes", NULL },
		{ "nod_lables", "node_labels" },
	};
	static const char *const names[] = { "logins", "node_labels", "rules", "id" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct suggest s;

		suggest_init(&s, cases[i].wrong);
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
			suggest_offer(&s, names[n]);
		if (!str_eq(s.best, cases[i].best))
			fail_msg("'%s' is taken for '%s'", cases[i].wrong,
			         s.best != NULL ? s.best : "nothing");
	}
}

static void names_of_any_length_are_fine(void **state)
{
	char longest[200];
	struct suggest s;

	(void)state;
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i + 1 < sizeof(longest) ? 'x' : 0;
	suggest_init(&s, longest);
	suggest_offer(&s, "rules");
	suggest_offer(&s, longest);
	assert_null(s.best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_name_is_meant),
		cmocka_unit_test(names_of_any_length_are_fine),
	};

	return unit_run(tests);
}

#include "record/spool.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#define SID "0f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"

static void names_are_made_and_understood(void **state)
{
	char name[SPOOL_NAME_SIZE], sid[SPOOL_SID_SIZE];
	enum spool_kind kind = SPOOL_META;
	struct err err = { 0 };

	(void)state;
	for (int k = 0; k < SPOOL_KINDS; k++) {
		assert_int_equal(spool_name(name, SID, (enum spool_kind)k, &err), 0);
		assert_true(spool_parse(name, &kind, sid));
		assert_int_equal(kind, k);
		assert_string_equal(sid, SID);
	}
}

static void what_is_no_session_id_makes_no_name(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"../" SID,
		SID "/..",
		SID "0",
		"0F4C2D9E-7A41-4D0C-9A57-3B1E5F6A7C8D",
		"0f4c2d9e/7a41-4d0c-9a57-3b1e5f6a7c8d",
	};
	char name[SPOOL_NAME_SIZE];
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(spool_name(name, bad[i], SPOOL_RECORDING, &err), ERR_INVALID);
	assert_int_equal(spool_name(name, NULL, SPOOL_RECORDING, &err), ERR_INVALID);
}

static void foreign_files_are_not_taken_for_ours(void **state)
{
	static const char *const foreign[] = { ".",         "..",       "quarantine",  SID,
		                               SID ".rec~", SID ".REC", "x" SID ".rec" };
	char sid[SPOOL_SID_SIZE];
	enum spool_kind kind;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_false(spool_parse(foreign[i], &kind, sid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_made_and_understood),
		cmocka_unit_test(what_is_no_session_id_makes_no_name),
		cmocka_unit_test(foreign_files_are_not_taken_for_ours),
	};

	return unit_run(tests);
}

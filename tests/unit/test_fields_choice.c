#include "wire/fields_choice.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define MODES "node proxy off node-sync"
#define USERS "- off drop keep"

static void a_choice_is_a_word_its_number_or_its_sense(void **state)
{
	static const struct {
		const char *choices, *plain, *want;
	} rows[] = {
		{ MODES, "node-sync", "node-sync" },
		{ MODES, "0", "node" },
		{ MODES, "3", "node-sync" },
		{ MODES, "off", "off" },
		{ MODES, "no", "off" },
		{ MODES, "false", "off" },
		{ USERS, "3", "keep" },
		{ "no yes hardware_key", "true", "yes" },
		{ "no yes hardware_key", "off", "no" },
		{ "off otp on", "yes", "on" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct value *v = value_new_plain(rows[i].plain);
		struct err err = { 0 };
		char *word = NULL;

		if (fields_choice_set(rows[i].choices, v, &word, &err) != 0)
			fail_msg("%s: %s", rows[i].plain, err.msg);
		assert_string_equal(word, rows[i].want);
		free(word);
		value_free(v);
	}
}

static void what_is_no_choice_is_refused_with_what_is(void **state)
{
	static const struct {
		const char *choices, *plain, *message;
	} rows[] = {
		{ MODES, "nod", "'nod' is unknown, did you mean node?" },
		{ MODES, "everything", "'everything' is none of node, proxy, off, node-sync" },
		{ MODES, "4", "'4' is none of node, proxy, off, node-sync" },
		{ MODES, "yes", "'yes' is none of node, proxy, off, node-sync" },
		{ USERS, "0", "'0' is none of off, drop, keep" },
		{ USERS, "'-'", "''-'' is none of off, drop, keep" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct value *v = value_new_plain(rows[i].plain);
		struct err err = { 0 };
		char *word = NULL;

		assert_int_equal(fields_choice_set(rows[i].choices, v, &word, &err), ERR_INVALID);
		assert_string_equal(err.msg, rows[i].message);
		assert_null(word);
		value_free(v);
	}
	assert_false(fields_choice_has(USERS, "-"));
}

static void what_belongs_to_others_is_kept_as_it_is(void **state)
{
	static const char text[] = "kind: role\n"
	                           "metadata:\n"
	                           "  name: dev\n"
	                           "spec:\n"
	                           "  options:\n"
	                           "    idp:\n"
	                           "      saml:\n"
	                           "        enabled: true\n"
	                           "  allow:\n"
	                           "    app_labels:\n"
	                           "      '*': '*'\n"
	                           "    db_names: [a, b]\n"
	                           "    mcp:\n"
	                           "      tools: []\n";
	struct buf out = { 0 };
	struct err err = { 0 };
	pv_Role role;

	(void)state;
	if (fields_from_yaml(&pv_Role_table, "x", text, strlen(text), &role, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(role.spec.allow.db_names, "[\"a\",\"b\"]");
	assert_int_equal(fields_to_yaml(&pv_Role_table, &role, 0, &out, &err), 0);
	assert_string_equal(buf_str(&out), text);
	buf_deinit(&out);
	fields_release(&pv_Role_table, &role);
}

static void a_text_that_is_no_json_is_shown_as_it_is(void **state)
{
	pv_RoleOptions options = { .idp = (char *)"{broken" };
	struct buf out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(fields_to_json(&pv_RoleOptions_table, &options, 0, &out, &err), 0);
	assert_string_equal(buf_str(&out), "{\"idp\":\"{broken\"}");
	buf_deinit(&out);
}

static void any_kind_of_secret_stays_one(void **state)
{
	pv_UserSpec user = { .local_auth = (char *)"{\"password_hash\":\"x\"}" };
	struct buf out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(fields_to_json(&pv_UserSpec_table, &user, 0, &out, &err), 0);
	assert_string_equal(buf_str(&out), "{}");
	buf_clear(&out);
	assert_int_equal(fields_to_json(&pv_UserSpec_table, &user, FIELDS_WITH_SECRETS, &out, &err),
	                 0);
	assert_string_equal(buf_str(&out), "{\"local_auth\":{\"password_hash\":\"x\"}}");
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_choice_is_a_word_its_number_or_its_sense),
		cmocka_unit_test(what_is_no_choice_is_refused_with_what_is),
		cmocka_unit_test(what_belongs_to_others_is_kept_as_it_is),
		cmocka_unit_test(a_text_that_is_no_json_is_shown_as_it_is),
		cmocka_unit_test(any_kind_of_secret_stays_one),
	};

	return unit_run(tests);
}

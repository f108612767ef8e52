/* Every file of tests/fixtures/resources: those that are taken, and those that are not, with why.
 */
#include "tctl/resource_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "file/file.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/fixtures/resources/"

static size_t each_file(const char *folder, void (*look)(const char *path))
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	size_t count = 0;
	char path[512];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s%s", folder, entry->d_name);
		look(path);
		count++;
	}
	closedir(dir);
	return count;
}

/* What is written reads back as the same, in YAML and in JSON. */
static void survives(const pv_Resource *r)
{
	const struct resource_kind *kind = resource_kind_of(r);
	pv_Resource copy = { .which_of = r->which_of };
	struct buf text = { 0 };
	struct err err = { 0 };

	if (fields_to_yaml(kind->table, &r->of, FIELDS_WITH_SECRETS, &text, &err) != 0 ||
	    fields_from_yaml(kind->table, "again", text.data, text.len, &copy.of, &err) != 0 ||
	    resource_validate(&copy, &err) != 0)
		fail_msg("%s", err.msg);
	assert_true(fields_equal(&pv_Resource_table, r, &copy));
	resource_deinit(&copy);
	buf_clear(&text);
	copy.which_of = r->which_of;
	if (fields_to_json(kind->table, &r->of, FIELDS_WITH_SECRETS, &text, &err) != 0 ||
	    fields_from_json(kind->table, text.data, text.len, &copy.of, &err) != 0)
		fail_msg("%s", err.msg);
	assert_true(fields_equal(&pv_Resource_table, r, &copy));
	resource_deinit(&copy);
	buf_deinit(&text);
}

static void is_taken(const char *path)
{
	struct resource_file file;
	struct err err = { 0 };

	if (resource_file_read(path, false, &file, &err) != 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < file.count; i++)
		survives(&file.items[i]);
	resource_file_deinit(&file);
}

static void what_people_bring_is_taken_and_written_as_it_was(void **state)
{
	(void)state;
	assert_true(each_file(FOLDER "accepted/", is_taken) >= 8);
}

/* The first line of each is "# LINE: MESSAGE". */
static void is_refused(const char *path)
{
	struct resource_file file;
	struct buf text = { 0 };
	struct err err = { 0 };
	char *wanted;

	assert_int_equal(file_read(path, 65536, &text, &err), 0);
	wanted = str_printf("%s:%.*s", path, (int)strcspn(buf_str(&text) + 2, "\n"),
	                    buf_str(&text) + 2);
	if (resource_file_read(path, false, &file, &err) == 0)
		fail_msg("%s is taken", path);
	if (!str_eq(err.msg, wanted))
		fail_msg("'%s', not '%s'", err.msg, wanted);
	free(wanted);
	buf_deinit(&text);
}

static void what_must_fail_fails_for_its_reason(void **state)
{
	(void)state;
	assert_true(each_file(FOLDER "refused/", is_refused) >= 25);
}

static void what_is_not_enforced_can_be_taken_all_the_same(void **state)
{
	struct resource_file file;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(resource_file_read(FOLDER "refused/unenforced.yaml", true, &file, &err),
	                 0);
	assert_int_equal(file.notes.count, 1);
	assert_string_equal(file.notes.items[0],
	                    FOLDER "refused/unenforced.yaml:2: role 'x': without effect: "
	                           "spec.options.require_session_mfa (not enforced)");
	resource_file_deinit(&file);
}

static void what_has_no_effect_is_told(void **state)
{
	struct resource_file file;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(resource_file_read(FOLDER "accepted/connectors.yaml", false, &file, &err),
	                 0);
	assert_int_equal(file.notes.count, 2);
	assert_string_equal(file.notes.items[0],
	                    FOLDER "accepted/connectors.yaml:1: github 'github' is kept, without "
	                           "effect: single sign-on is not there yet");
	resource_file_deinit(&file);
	assert_int_equal(
	        resource_file_read(FOLDER "accepted/other_products.yaml", false, &file, &err), 0);
	assert_non_null(strstr(file.notes.items[file.notes.count - 1],
	                       "role 'many-products': without effect: "));
	assert_non_null(strstr(file.notes.items[file.notes.count - 1], "spec.allow.app_labels, "));
	resource_file_deinit(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_bring_is_taken_and_written_as_it_was),
		cmocka_unit_test(what_must_fail_fails_for_its_reason),
		cmocka_unit_test(what_is_not_enforced_can_be_taken_all_the_same),
		cmocka_unit_test(what_has_no_effect_is_told),
	};

	return unit_run(tests);
}

#include "authd/resources/list.h"

#include "tests/unit/unit.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <string.h>

/* A node from JSON; resource_deinit() it. */
static pv_Resource node(const char *json)
{
	pv_Resource r = { .which_of = pv_Resource_node_tag };
	struct err err;

	assert_int_equal(fields_from_json(&pv_Node_table, json, strlen(json), &r.of.node, &err), 0);
	return r;
}

#define WEB                                                                                      \
	"{\"metadata\": {\"name\": \"6d7f\", \"labels\": {\"env\": \"prod\", \"team\": \"a\"}}," \
	" \"spec\": {\"hostname\": \"web-1\", \"addr\": \"192.0.2.7:3022\","                     \
	" \"cmd_labels\": {\"kernel\": {\"result\": \"6.1\"}}}}"

static void a_search_needs_every_word_somewhere(void **state)
{
	static const struct {
		const char *search;
		bool matches;
	} cases[] = {
		{ NULL, true },         { "", true },         { "   ", true },
		{ "web", true },        { "WEB-1", true },    { "web prod", true },
		{ "web db", false },    { "env=prod", true }, { "env=dev", false },
		{ "192.0.2.7", true },  { "6.1", true },      { "kernel=6.1 team=a", true },
		{ "prod\nteam", true }, { "6d7f", true },
	};
	pv_Resource r = node(WEB);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(list_matches_search(&r, cases[i].search), cases[i].matches);
	resource_deinit(&r);
}

static bool matches(pv_Resource *r, const char *key, const char *value)
{
	pv_ListResourcesRequest_LabelsEntry entry = { (char *)(uintptr_t)key,
		                                      (char *)(uintptr_t)value };

	return list_matches_labels(r, &entry, 1);
}

static void labels_are_static_ones_and_results_of_commands(void **state)
{
	pv_Resource r = node(WEB);

	(void)state;
	assert_true(list_matches_labels(&r, NULL, 0));
	assert_true(matches(&r, "env", "prod"));
	assert_true(matches(&r, "env", "p*"));
	assert_true(matches(&r, "env", "*"));
	assert_false(matches(&r, "env", "dev"));
	assert_true(matches(&r, "kernel", "6.1"));
	assert_false(matches(&r, "zone", "*"));
	assert_false(matches(&r, NULL, NULL));
	assert_false(matches(&r, "env", "^(broken$"));
	resource_deinit(&r);
}

static void kinds_without_a_host_have_labels_too(void **state)
{
	static const char json[] =
	        "{\"metadata\": {\"name\": \"dev\", \"labels\": {\"a\": \"1\"}}}";
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	struct err err;

	(void)state;
	assert_int_equal(fields_from_json(&pv_Role_table, json, strlen(json), &r.of.role, &err), 0);
	assert_true(matches(&r, "a", "1"));
	assert_true(list_matches_search(&r, "dev a=1"));
	resource_deinit(&r);
}

static void filters_are_few_and_short(void **state)
{
	char search[LIST_SEARCH_MAX + 2];
	pv_ListResourcesRequest request = { .search = search, .labels_count = LIST_LABELS_MAX };
	struct err err = { 0 };

	(void)state;
	memset(search, 'a', sizeof(search));
	search[LIST_SEARCH_MAX] = 0;
	assert_int_equal(list_check_filters(&request, &err), 0);
	request.labels_count++;
	assert_int_equal(list_check_filters(&request, &err), ERR_INVALID);
	request.labels_count = 0;
	search[LIST_SEARCH_MAX] = 'a';
	search[LIST_SEARCH_MAX + 1] = 0;
	assert_int_equal(list_check_filters(&request, &err), ERR_INVALID);
	request.search = NULL;
	assert_int_equal(list_check_filters(&request, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_needs_every_word_somewhere),
		cmocka_unit_test(labels_are_static_ones_and_results_of_commands),
		cmocka_unit_test(kinds_without_a_host_have_labels_too),
		cmocka_unit_test(filters_are_few_and_short),
	};

	return unit_run(tests);
}

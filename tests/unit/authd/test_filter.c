#include "authd/resources/filter.h"

#include "tests/unit/unit.h"

#include "base/buf.h"
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
	struct buf bytes = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(resource_encode(&r, &bytes, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pv_ListResourcesRequest request = { .search = (char *)(uintptr_t)cases[i].search };
		struct filter f;

		assert_int_equal(filter_init(&f, &request, &err), 0);
		assert_int_equal(filter_takes(&f, &r), cases[i].matches);
		if (cases[i].matches)
			assert_true(filter_may_take(&f, bytes.data, bytes.len));
		filter_deinit(&f);
	}
	buf_deinit(&bytes);
	resource_deinit(&r);
}

static void stored_bytes_without_a_word_need_not_be_decoded(void **state)
{
	static const struct {
		const char *search;
		bool may;
	} cases[] = {
		{ "web", true }, { "WEB prod", true }, { "web db", false },
		{ "", true },    { "env=none", true }, { "prod x", false },
	};
	pv_Resource r = node(WEB);
	struct buf bytes = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(resource_encode(&r, &bytes, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pv_ListResourcesRequest request = { .search = (char *)(uintptr_t)cases[i].search };
		struct filter f;

		assert_int_equal(filter_init(&f, &request, &err), 0);
		assert_int_equal(filter_may_take(&f, bytes.data, bytes.len), cases[i].may);
		filter_deinit(&f);
	}
	buf_deinit(&bytes);
	resource_deinit(&r);
}

static bool matches(pv_Resource *r, const char *key, const char *value)
{
	pv_ListResourcesRequest_LabelsEntry entry = { (char *)(uintptr_t)key,
		                                      (char *)(uintptr_t)value };
	pv_ListResourcesRequest request = { .labels = &entry, .labels_count = 1 };
	struct filter f;
	struct err err;
	bool takes;

	assert_int_equal(filter_init(&f, &request, &err), 0);
	takes = filter_takes(&f, r);
	filter_deinit(&f);
	return takes;
}

static void labels_are_static_ones_and_results_of_commands(void **state)
{
	pv_Resource r = node(WEB);

	(void)state;
	assert_true(matches(&r, "env", "prod"));
	assert_true(matches(&r, "env", "p*"));
	assert_true(matches(&r, "env", "*"));
	assert_false(matches(&r, "env", "dev"));
	assert_true(matches(&r, "kernel", "6.1"));
	assert_false(matches(&r, "zone", "*"));
	assert_false(matches(&r, NULL, NULL));
	assert_true(matches(&r, "env", "^p.*$"));
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
	resource_deinit(&r);
}

static void filters_are_few_and_short_and_compile(void **state)
{
	pv_ListResourcesRequest_LabelsEntry entries[FILTER_LABELS_MAX + 1] = { 0 };
	char search[FILTER_SEARCH_MAX + 2];
	pv_ListResourcesRequest request = { .search = search,
		                            .labels = entries,
		                            .labels_count = FILTER_LABELS_MAX };
	struct filter f;
	struct err err = { 0 };

	(void)state;
	memset(search, 'a', sizeof(search));
	search[FILTER_SEARCH_MAX] = 0;
	assert_int_equal(filter_init(&f, &request, &err), 0);
	filter_deinit(&f);
	request.labels_count++;
	assert_int_equal(filter_init(&f, &request, &err), ERR_INVALID);
	request.labels_count = 1;
	search[FILTER_SEARCH_MAX] = 'a';
	search[FILTER_SEARCH_MAX + 1] = 0;
	assert_int_equal(filter_init(&f, &request, &err), ERR_INVALID);
	request.search = NULL;
	entries[0] = (pv_ListResourcesRequest_LabelsEntry){ (char *)(uintptr_t) "env",
		                                            (char *)(uintptr_t) "^(broken$" };
	assert_int_equal(filter_init(&f, &request, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "labels.env"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_needs_every_word_somewhere),
		cmocka_unit_test(stored_bytes_without_a_word_need_not_be_decoded),
		cmocka_unit_test(labels_are_static_ones_and_results_of_commands),
		cmocka_unit_test(kinds_without_a_host_have_labels_too),
		cmocka_unit_test(filters_are_few_and_short_and_compile),
	};

	return unit_run(tests);
}

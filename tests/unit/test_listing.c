#include "model/listing.h"

#include "base/err.h"
#include "model/listing_request.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static int role_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_Role *role = &r->of.role;

	cells[0] = strdup(role->metadata.name);
	cells[1] = listing_words(role->spec.allow.logins, role->spec.allow.logins_count);
	cells[2] = listing_labels(role->metadata.labels, role->metadata.labels_count);
	return cells[2] != NULL ? 0 : err_set_nomem(err);
}

static const struct listing_table table = {
	.titles = { "Role", "Logins", "Labels", NULL },
	.row = role_row,
};

static pv_Resource make_role(const char *name, char **logins, pb_size_t count)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };

	r.of.role.kind = (char *)"role";
	r.of.role.has_metadata = r.of.role.has_spec = r.of.role.spec.has_allow = true;
	r.of.role.metadata.name = (char *)name;
	r.of.role.spec.allow.logins = logins;
	r.of.role.spec.allow.logins_count = count;
	return r;
}

static void assert_prints(enum listing_format format, const char *expected)
{
	char *logins[] = { (char *)"root", (char *)"d\x1b[2Jev" };
	pv_Metadata_LabelsEntry label = { (char *)"a", (char *)"b" };
	pv_Resource ops = make_role("\xc3\xa9t\xc3\xa9", logins, 2);
	pv_Resource dev = make_role("developers", logins, 1);
	struct listing *l = listing_new(format, &table);
	struct err err = { 0 };
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	dev.of.role.metadata.labels = &label;
	dev.of.role.metadata.labels_count = 1;
	assert_int_equal(listing_add(l, &ops, &err), 0);
	assert_int_equal(listing_add(l, &dev, &err), 0);
	assert_int_equal(listing_print(l, to, &err), 0);
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
	listing_free(l);
}

static void a_table_is_aligned_sorted_and_printable(void **state)
{
	(void)state;
	assert_prints(LISTING_TEXT, "Role        Logins        Labels\n"
	                            "----        ------        ------\n"
	                            "developers  root          a=b\n"
	                            "\xc3\xa9t\xc3\xa9         root,d?[2Jev  \n");
}

static void names_come_alone(void **state)
{
	(void)state;
	assert_prints(LISTING_NAMES, "developers\n\xc3\xa9t\xc3\xa9\n");
}

static void yaml_is_a_document_each(void **state)
{
	(void)state;
	assert_prints(LISTING_YAML, "kind: role\nmetadata:\n  name: \xc3\xa9t\xc3\xa9\nspec:\n"
	                            "  allow:\n    logins: [root, \"d\\e[2Jev\"]\n---\n"
	                            "kind: role\nmetadata:\n  name: developers\n"
	                            "  labels:\n    a: b\nspec:\n  allow:\n"
	                            "    logins: [root]\n");
}

static void json_is_an_array(void **state)
{
	struct listing *l = listing_new(LISTING_JSON, &table);
	pv_Resource r = make_role("x", NULL, 0);
	struct err err;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(listing_add(l, &r, &err), 0);
	assert_int_equal(listing_print(l, to, &err), 0);
	fclose(to);
	assert_string_equal(text, "[\n    {\n        \"kind\": \"role\",\n        \"metadata\": {\n"
	                          "            \"name\": \"x\"\n        }\n    }\n]\n");
	free(text);
	listing_free(l);
}

static void secrets_are_shown_when_they_were_asked_for(void **state)
{
	static const char yaml[] = "{metadata: {name: a}, spec: {client_secret: tell-nobody}}";
	pv_Resource r = { .which_of = pv_Resource_github_tag };
	struct err err;

	(void)state;
	assert_int_equal(
	        fields_from_yaml(&pv_Github_table, "test", yaml, strlen(yaml), &r.of.github, &err),
	        0);
	for (int asked = 0; asked < 2; asked++) {
		struct listing *l = listing_new(LISTING_YAML, &table);
		char *text = NULL;
		size_t len;
		FILE *to = open_memstream(&text, &len);

		if (asked)
			listing_show_secrets(l);
		assert_int_equal(listing_add(l, &r, &err), 0);
		assert_int_equal(listing_print(l, to, &err), 0);
		fclose(to);
		assert_int_equal(strstr(text, "tell-nobody") != NULL, asked);
		free(text);
		listing_free(l);
	}
	fields_release(&pv_Github_table, &r.of.github);
}

static void requests_say_who_wants_what(void **state)
{
	char *roles[] = { (char *)"ops", (char *)"dba" };
	struct listing *l = listing_new(LISTING_TEXT, &listing_request);
	pv_Resource r = { .which_of = pv_Resource_access_request_tag };
	pv_Resource role = make_role("x", NULL, 0), none = { 0 };
	struct err err;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	r.of.access_request.metadata.name = (char *)"one";
	r.of.access_request.spec = (pv_AccessRequestSpec){ .user = (char *)"alice",
		                                           .roles = roles,
		                                           .roles_count = 2,
		                                           .created = 1000,
		                                           .state = (char *)"PENDING" };
	assert_int_equal(listing_add(l, &r, &err), 0);
	assert_int_equal(listing_add(l, &role, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "the answer holds something that is no request");
	assert_int_equal(listing_add(l, &none, &err), ERR_CORRUPT);
	assert_string_equal(err.msg, "the answer holds a resource of an unknown kind");
	assert_int_equal(listing_print(l, to, &err), 0);
	fclose(to);
	assert_string_equal(text,
	                    "Token  Requestor  Metadata       Created At (UTC)      Status\n"
	                    "-----  ---------  --------       ----------------      ------\n"
	                    "one    alice      roles=ops,dba  1970-01-01T00:00:01Z  PENDING\n");
	free(text);
	listing_free(l);
}

static void formats_go_by_name(void **state)
{
	enum listing_format format = LISTING_YAML;
	struct err err;

	(void)state;
	assert_int_equal(listing_format_parse(NULL, &format, &err), 0);
	assert_int_equal(format, LISTING_YAML);
	assert_int_equal(listing_format_parse("json", &format, &err), 0);
	assert_int_equal(format, LISTING_JSON);
	assert_int_equal(listing_format_parse("xml", &format, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_aligned_sorted_and_printable),
		cmocka_unit_test(names_come_alone),
		cmocka_unit_test(yaml_is_a_document_each),
		cmocka_unit_test(json_is_an_array),
		cmocka_unit_test(secrets_are_shown_when_they_were_asked_for),
		cmocka_unit_test(requests_say_who_wants_what),
		cmocka_unit_test(formats_go_by_name),
	};

	return unit_run(tests);
}

/* attributes: what a request is about, and which targets are refused because two could differ. */
#include "kubeproxyd/request/attributes.h"

#include "base/err.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* "verb group/version namespace/kind/name/subresource", "-" for what is empty. */
static const char *told(const char *method, const char *target)
{
	static char text[10000];
	struct attributes a;
	struct err err;

	if (attributes_read(&a, method, target, &err) != 0)
		snprintf(text, sizeof(text), "%s", err_name(err.code));
	else if (!a.resource)
		snprintf(text, sizeof(text), "%s %s", a.verb, a.path);
	else
		snprintf(text, sizeof(text), "%s %s/%s %s/%s/%s/%s", a.verb, a.group, a.version,
		         a.namespace, a.kind, a.name, a.subresource);
	return text;
}

static void requests_are_read_as_the_api_server_reads_them(void **state)
{
	static const struct {
		const char *method, *target, *want;
	} rows[] = {
		{ "GET", "/api/v1/namespaces/dev/pods/web", "get /v1 dev/pods/web/" },
		{ "HEAD", "/api/v1/namespaces/dev/pods/web", "get /v1 dev/pods/web/" },
		{ "GET", "/api/v1/namespaces/dev/pods", "list /v1 dev/pods//" },
		{ "GET", "/api/v1/namespaces/dev/pods/", "list /v1 dev/pods//" },
		{ "GET", "/api/v1/pods?limit=5", "list /v1 /pods//" },
		{ "GET", "/api/v1/pods?watch=true", "watch /v1 /pods//" },
		{ "GET", "/api/v1/pods?watch", "watch /v1 /pods//" },
		{ "GET", "/api/v1/pods?w%61tch=1", "watch /v1 /pods//" },
		{ "GET", "/api/v1/pods?watch=0", "list /v1 /pods//" },
		{ "GET", "/api/v1/pods?watch=False", "list /v1 /pods//" },
		{ "GET", "/api/v1/namespaces/dev/pods/web?watch=1", "get /v1 dev/pods/web/" },
		{ "GET", "/api/v1/watch/namespaces/dev/pods/web", "watch /v1 dev/pods/web/" },
		{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dweb", "list /v1 /pods/web/" },
		{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dweb%2Cx%3Dy",
		  "list /v1 /pods//" },
		{ "GET", "/api/v1/pods?fieldSelector=spec.name%3Dweb", "list /v1 /pods//" },
		{ "POST", "/api/v1/namespaces/dev/pods", "create /v1 dev/pods//" },
		{ "PUT", "/api/v1/namespaces/dev/pods/web", "update /v1 dev/pods/web/" },
		{ "PATCH", "/api/v1/namespaces/dev/pods/web/status",
		  "patch /v1 dev/pods/web/status" },
		{ "DELETE", "/api/v1/namespaces/dev/pods/web", "delete /v1 dev/pods/web/" },
		{ "DELETE", "/api/v1/namespaces/dev/pods", "deletecollection /v1 dev/pods//" },
		{ "POST", "/api/v1/namespaces/dev/pods/web/exec?command=id",
		  "create /v1 dev/pods/web/exec" },
		{ "GET", "/api/v1/namespaces/dev/pods/web/log", "get /v1 dev/pods/web/log" },
		{ "GET", "/api/v1/namespaces", "list /v1 /namespaces//" },
		{ "GET", "/api/v1/namespaces/dev", "get /v1 dev/namespaces/dev/" },
		{ "PUT", "/api/v1/namespaces/dev/finalize",
		  "update /v1 dev/namespaces/dev/finalize" },
		{ "GET", "/api/v1/nodes/n1/proxy/stats", "get /v1 /nodes/n1/proxy" },
		{ "GET", "/api/v1/namespaces/a/services/b/proxy/x//y%2Fz",
		  "get /v1 a/services/b/proxy" },
		{ "GET", "/api/v1/proxy/namespaces/a/services/b", "get /v1 a/services/b/proxy" },
		{ "GET", "/apis/apps/v1/namespaces/dev/deployments/web/scale",
		  "get apps/v1 dev/deployments/web/scale" },
		{ "GET", "/apis/apps/v1/deployments", "list apps/v1 /deployments//" },
		{ "GET", "/apis/apps/v1", "get /apis/apps/v1" },
		{ "GET", "/api", "get /api" },
		{ "GET", "/apis", "get /apis" },
		{ "GET", "/", "get /" },
		{ "GET", "/version?timeout=32s", "get /version" },
		{ "GET", "/openapi/v2", "get /openapi/v2" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(told(rows[i].method, rows[i].target), rows[i].want) != 0)
			fail_msg("%s %s: %s", rows[i].method, rows[i].target,
			         told(rows[i].method, rows[i].target));
}

static void targets_that_two_could_read_differently_are_refused(void **state)
{
	static const char *const targets[] = {
		"",
		"api/v1/pods",
		"*",
		"//api/v1/pods",
		"/api//v1/pods",
		"/api/v1/namespaces/a//pods",
		"/api/v1/namespaces/a/pods/proxy//exec",
		"/api/v1/namespaces/a/pods/b//",
		"/api/v1/namespaces/a/../b/pods",
		"/api/v1/namespaces/a/./pods",
		"/api/v1/namespaces/a/%2e%2e/b",
		"/api/v1/namespaces/a/services/b/proxy/../../c",
		"/api/v1/namespaces/a%2Fpods/b",
		"/api/v1/namespaces/a/pods/b%2fexec",
		"/api/v1/namespaces/a/pods/b%5cexec?x=/proxy/",
		"/api/v1/namespaces/a/pods/b%252fexec",
		"/api/v1/namespaces/a/pods/b%00",
		"/api/v1/namespaces/a/pods/b%0a",
		"/api/v1/namespaces/a/pods/b%",
		"/api/v1/namespaces/a/pods/b%4",
		"/api/v1/namespaces/a/pods/b%zz",
		"/api/v1/pods?watch=1;limit=2",
		"/api/v1/pods?wat%ch=1",
	};
	char deep[400] = "";
	struct attributes a;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++)
		if (attributes_read(&a, "GET", targets[i], &err) != ERR_INVALID)
			fail_msg("'%s' was taken", targets[i]);
	for (int i = 0; i < 65; i++)
		strcat(deep, "/a");
	assert_int_equal(attributes_read(&a, "GET", deep, &err), ERR_LIMIT);
	assert_int_equal(attributes_read(&a, "CONNECT", "/api/v1/pods", &err), ERR_INVALID);
	assert_int_equal(attributes_read(&a, "TRACE", "/", &err), ERR_INVALID);
}

static void names_and_paths_are_bounded(void **state)
{
	char target[10000];
	struct attributes a;
	struct err err;

	(void)state;
	memset(target, 'a', sizeof(target));
	memcpy(target, "/api/v1/pods/", 13);
	target[13 + ATTRIBUTE_SIZE - 1] = 0;
	assert_int_equal(attributes_read(&a, "GET", target, &err), 0);
	target[13 + ATTRIBUTE_SIZE - 1] = 'a';
	target[13 + ATTRIBUTE_SIZE] = 0;
	assert_int_equal(attributes_read(&a, "GET", target, &err), ERR_LIMIT);
	target[13 + ATTRIBUTE_SIZE] = 'a';
	target[ATTRIBUTE_PATH_MAX] = 0;
	assert_int_equal(attributes_read(&a, "GET", target, &err), ERR_LIMIT);
}

static void channels_and_long_answers_are_known(void **state)
{
	static const struct {
		const char *method, *target;
		bool channel, lasts;
	} rows[] = {
		{ "POST", "/api/v1/namespaces/a/pods/b/exec", true, false },
		{ "GET", "/api/v1/namespaces/a/pods/b/attach", true, false },
		{ "GET", "/api/v1/namespaces/a/pods/b/portforward", true, false },
		{ "GET", "/api/v1/namespaces/a/pods/exec", false, false },
		{ "GET", "/apis/x/v1/namespaces/a/pods/b/exec", false, false },
		{ "GET", "/api/v1/namespaces/a/services/b/exec", false, false },
		{ "GET", "/api/v1/pods?watch=1", false, true },
		{ "GET", "/api/v1/namespaces/a/pods/b/log?follow=true", false, true },
		{ "GET", "/api/v1/namespaces/a/pods/b/log", false, false },
		{ "GET", "/api/v1/namespaces/a/pods/b/proxy/x", false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attributes a;
		struct err err;

		assert_int_equal(attributes_read(&a, rows[i].method, rows[i].target, &err), 0);
		if (attributes_is_channel(&a) != rows[i].channel ||
		    attributes_is_long(&a) != rows[i].lasts)
			fail_msg("%s", rows[i].target);
	}
}

static void fields_of_the_query_are_decoded(void **state)
{
	static const char target[] = "/x?command=ls&command=-l&a%20b=c+d%2be&empty=&bare&bad=%4";
	char value[16];

	(void)state;
	assert_true(attributes_query(target, "command", value, sizeof(value)));
	assert_string_equal(value, "ls");
	assert_true(attributes_query(target, "a b", value, sizeof(value)));
	assert_string_equal(value, "c d+e");
	assert_true(attributes_query(target, "empty", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(attributes_query(target, "bare", value, sizeof(value)));
	assert_false(attributes_query(target, "bad", value, sizeof(value)));
	assert_false(attributes_query(target, "absent", value, sizeof(value)));
	assert_false(attributes_query(target, "a b", value, 4));
}

static void a_field_may_have_several_values(void **state)
{
	static const char target[] = "/x?command=ls&tty=1&command=-l";
	const char *at = strchr(target, '?');
	char value[16];

	(void)state;
	assert_true(attributes_query_next(&at, "command", value, sizeof(value)));
	assert_string_equal(value, "ls");
	assert_true(attributes_query_next(&at, "command", value, sizeof(value)));
	assert_string_equal(value, "-l");
	assert_false(attributes_query_next(&at, "command", value, sizeof(value)));
	assert_null(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read_as_the_api_server_reads_them),
		cmocka_unit_test(targets_that_two_could_read_differently_are_refused),
		cmocka_unit_test(names_and_paths_are_bounded),
		cmocka_unit_test(channels_and_long_answers_are_known),
		cmocka_unit_test(fields_of_the_query_are_decoded),
		cmocka_unit_test(a_field_may_have_several_values),
	};

	return unit_run(tests);
}

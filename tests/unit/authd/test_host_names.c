#include "authd/authorities/host_names.h"

#include "base/err.h"
#include "base/strlist.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define ID    "6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"
#define OTHER "7b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"

static const char *joined(struct strlist *l)
{
	static char text[500];

	text[0] = 0;
	for (size_t i = 0; i < l->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "",
		         l->items[i]);
	strlist_deinit(l);
	return text;
}

static int build(const char *role, const char *hostname, const char *address, struct strlist *tls,
                 struct strlist *ssh, struct err *err)
{
	char copy[300], *addresses[] = { copy };
	const struct host_names names = { "example", role, ID, hostname, addresses, 1 };

	strcpy(copy, address);
	return host_names_build(&names, tls, ssh, err);
}

static void a_node_proves_its_id_and_answers_to_its_names(void **state)
{
	struct strlist tls = { 0 }, ssh = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(build("Node", "web-1", "10.0.0.7", &tls, &ssh, &err), 0);
	assert_string_equal(joined(&tls), ID " " ID ".example");
	assert_string_equal(joined(&ssh), ID " " ID ".example web-1 web-1.example 10.0.0.7");
}

static void a_proxy_proves_the_names_that_it_is_reached_by(void **state)
{
	struct strlist tls = { 0 }, ssh = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(build("Proxy", "door", "proxy.example.com", &tls, &ssh, &err), 0);
	assert_string_equal(joined(&tls),
	                    ID " " ID ".example door door.example proxy.example.com proxy.example");
	strlist_deinit(&ssh);
}

static void a_kubeproxyd_proves_its_clusters_and_nothing_else(void **state)
{
	struct strlist tls = { 0 }, ssh = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(build("Kube", "door.example", "prod", &tls, &ssh, &err), 0);
	assert_string_equal(joined(&tls), ID " " ID ".example kube.example prod.kube.example");
	assert_string_equal(joined(&ssh), ID " " ID ".example");
	assert_int_equal(build("Kube", "door", "10.0.0.7", &tls, &ssh, &err), 0);
	assert_string_equal(joined(&tls), ID " " ID ".example kube.example");
	strlist_deinit(&ssh);
}

static void names_that_are_none_or_somebody_elses_are_refused(void **state)
{
	const struct {
		const char *hostname, *address;
		int code;
	} rows[] = {
		{ "", "10.0.0.7", ERR_INVALID },
		{ "10.0.0.7", "10.0.0.7", ERR_INVALID },
		{ "web 1", "10.0.0.7", ERR_INVALID },
		{ "web,root", "10.0.0.7", ERR_INVALID },
		{ "-web", "10.0.0.7", ERR_INVALID },
		{ "*.example", "10.0.0.7", ERR_INVALID },
		{ "web..x", "10.0.0.7", ERR_INVALID },
		{ "web", "*", ERR_INVALID },
		{ "web", "a\nb", ERR_INVALID },
		{ "web", "fe80::1", 0 },
		{ "web", "::ffff:1.2.3.4", 0 },
		{ "example", "10.0.0.7", ERR_DENIED },
		{ "EXAMPLE", "10.0.0.7", ERR_DENIED },
		{ "auth", "10.0.0.7", ERR_DENIED },
		{ "authd", "10.0.0.7", ERR_DENIED },
		{ "web", "Auth.Example", ERR_DENIED },
		{ "authd", "10.0.0.7", ERR_DENIED },
		{ "web", "AUTHD", ERR_DENIED },
		{ "web", "authd.example", ERR_DENIED },
		{ "authd2", "10.0.0.7", 0 },
		{ "web", "auth.example.com", 0 },
		{ "kube.example", "10.0.0.7", ERR_DENIED },
		{ "web", "prod.Kube.Example", ERR_DENIED },
		{ "web", "xkube.example", 0 },
		{ "web", OTHER, ERR_DENIED },
		{ OTHER, "10.0.0.7", ERR_DENIED },
		{ "web", OTHER ".example", ERR_DENIED },
		{ "web", ID, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strlist tls = { 0 }, ssh = { 0 };
		struct err err = { 0 };
		int rc = build("Node", rows[i].hostname, rows[i].address, &tls, &ssh, &err);

		if (rc != rows[i].code)
			fail_msg("'%s', '%s': %d %s", rows[i].hostname, rows[i].address, rc,
			         err.msg);
		strlist_deinit(&tls);
		strlist_deinit(&ssh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_proves_its_id_and_answers_to_its_names),
		cmocka_unit_test(a_proxy_proves_the_names_that_it_is_reached_by),
		cmocka_unit_test(a_kubeproxyd_proves_its_clusters_and_nothing_else),
		cmocka_unit_test(names_that_are_none_or_somebody_elses_are_refused),
	};

	return unit_run(tests);
}

#include "wire/kubeconfig.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/strlist.h"
#include "conf/value.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct kubeconfig_entry lab = {
	.name = "example-lab",
	.proxy = "proxy.example.com:3080",
	.server_name = "lab.kube.example",
	.authorities = "PEM",
	.program = "/usr/bin/tsh",
};

#define LAB_CLUSTER                                    \
	"- name: example-lab\n"                        \
	"  cluster:\n"                                 \
	"    server: https://proxy.example.com:3080\n" \
	"    tls-server-name: lab.kube.example\n"      \
	"    certificate-authority-data: UEVN\n"
#define LAB_CONTEXT                  \
	"- name: example-lab\n"      \
	"  context:\n"               \
	"    cluster: example-lab\n" \
	"    user: example-lab\n"
#define LAB_USER                                                              \
	"- name: example-lab\n"                                               \
	"  user:\n"                                                           \
	"    exec:\n"                                                         \
	"      apiVersion: client.authentication.k8s.io/v1beta1\n"            \
	"      command: /usr/bin/tsh\n"                                       \
	"      args: [kube, credentials, '--proxy=proxy.example.com:3080']\n" \
	"      interactiveMode: Never\n"

/* Somebody's own file: order, unknown fields and odd spellings are theirs. */
#define OTHERS_HEAD         \
	"kind: Config\n"    \
	"apiVersion: v1\n"  \
	"preferences: {}\n" \
	"x-unknown:\n"      \
	"  version: 1.20\n" \
	"  words: ['yes', yes, '017', 017]\n"
#define OTHERS_CONTEXT        \
	"- name: home\n"      \
	"  context:\n"        \
	"    user: me\n"      \
	"    cluster: home\n" \
	"    namespace: mine\n"
#define OTHERS_CLUSTER                         \
	"- cluster:\n"                         \
	"    insecure-skip-tls-verify: true\n" \
	"    server: https://192.0.2.1:6443\n" \
	"  name: home\n"
#define OTHERS_USER            \
	"- name: me\n"         \
	"  user:\n"            \
	"    token: '12345'\n" \
	"    exec:\n"

static struct value *read_text(const char *text)
{
	struct value *root = NULL;
	struct err err = { 0 };

	if (kubeconfig_read("config", text, strlen(text), &root, &err) != 0)
		fail_msg("%s", err.msg);
	return root;
}

static void expect_text(struct value *take_root, const char *text)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	assert_int_equal(kubeconfig_write(take_root, &out, &err), 0);
	assert_string_equal(buf_str(&out), text);
	buf_deinit(&out);
	value_free(take_root);
}

static void put(struct value *root, const struct kubeconfig_entry *entry)
{
	struct err err = { 0 };

	if (kubeconfig_put(root, entry, &err) != 0)
		fail_msg("%s", err.msg);
}

static void a_cluster_is_three_rows_of_one_name(void **state)
{
	struct value *root = read_text("");

	(void)state;
	put(root, &lab);
	expect_text(root, "apiVersion: v1\nkind: Config\nclusters:\n" LAB_CLUSTER
	                  "contexts:\n" LAB_CONTEXT "users:\n" LAB_USER);
}

static void what_others_wrote_stays_in_its_order_and_spelling(void **state)
{
	struct value *root =
	        read_text(OTHERS_HEAD "contexts:\n" OTHERS_CONTEXT "current-context: home\n"
	                              "clusters:\n" OTHERS_CLUSTER "users:\n" OTHERS_USER);

	(void)state;
	put(root, &lab);
	expect_text(root, OTHERS_HEAD
	            "contexts:\n" OTHERS_CONTEXT LAB_CONTEXT "current-context: home\n"
	            "clusters:\n" OTHERS_CLUSTER LAB_CLUSTER "users:\n" OTHERS_USER LAB_USER);
}

static void what_was_put_and_dropped_leaves_nothing_behind(void **state)
{
	const char *before = OTHERS_HEAD "contexts:\n" OTHERS_CONTEXT "current-context: home\n"
	                                 "clusters:\n" OTHERS_CLUSTER "users:\n" OTHERS_USER;
	struct value *root = read_text(before);
	struct err err = { 0 };

	(void)state;
	put(root, &lab);
	assert_int_equal(kubeconfig_drop(root, lab.proxy, NULL, &err), 0);
	expect_text(root, before);
}

static void putting_again_keeps_what_the_user_set_in_our_rows(void **state)
{
	struct kubeconfig_entry moved = lab;
	struct value *root = read_text("");
	struct value *context;
	struct err err = { 0 };

	(void)state;
	put(root, &lab);
	context = value_find(value_find(root, "contexts")->items[0], "context");
	assert_int_equal(value_put(context, "namespace", value_new_text("mine"), &err), 0);
	moved.authorities = "NEW";
	put(root, &moved);
	expect_text(root, "apiVersion: v1\nkind: Config\nclusters:\n"
	                  "- name: example-lab\n"
	                  "  cluster:\n"
	                  "    server: https://proxy.example.com:3080\n"
	                  "    tls-server-name: lab.kube.example\n"
	                  "    certificate-authority-data: TkVX\n"
	                  "contexts:\n" LAB_CONTEXT "    namespace: mine\n"
	                  "users:\n" LAB_USER);
}

static void a_name_that_is_anothers_is_refused(void **state)
{
	static const char *const rows[] = {
		"clusters: [{name: example-lab, cluster: {}}]",
		"contexts: [{name: example-lab}]",
		"users: [{name: example-lab, user: {token: x}}]",
		"users: [{name: example-lab, user: {exec: {args: [kube, credentials]}}}]",
		"users: [{name: example-lab, user: {exec: {args: [a, b, c]}}}]",
		"users: [{name: example-lab, user: {exec: {args: {a: b}}}}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct value *root = read_text(rows[i]);
		struct err err = { 0 };

		if (kubeconfig_put(root, &lab, &err) != ERR_EXISTS)
			fail_msg("row %zu passes", i);
		assert_non_null(strstr(err.msg, "'example-lab'"));
		value_free(root);
	}
}

static void dropping_spares_other_proxies_and_what_is_to_be_kept(void **state)
{
	struct kubeconfig_entry kept = lab, other = lab;
	struct value *root = read_text("");
	struct strlist keep = { 0 };
	struct err err = { 0 };

	(void)state;
	kept.name = "example-kept";
	other.name = "other-lab";
	other.proxy = "other:3080";
	put(root, &lab);
	put(root, &kept);
	put(root, &other);
	assert_int_equal(kubeconfig_use(root, "example-lab", &err), 0);
	assert_int_equal(strlist_add(&keep, "example-kept", &err), 0);
	assert_int_equal(kubeconfig_drop(root, lab.proxy, &keep, &err), 0);
	strlist_deinit(&keep);
	assert_int_equal(value_get(root, "users")->count, 2);
	assert_int_equal(value_get(root, "clusters")->count, 2);
	assert_int_equal(value_get(root, "contexts")->count, 2);
	assert_string_equal(value_get_text(root, "current-context"), "");
	assert_int_equal(kubeconfig_use(root, "other-lab", &err), 0);
	assert_int_equal(kubeconfig_drop(root, lab.proxy, NULL, &err), 0);
	assert_int_equal(value_get(root, "users")->count, 1);
	assert_string_equal(value_get_text(root, "current-context"), "other-lab");
	value_free(root);
}

static void a_context_that_is_not_there_cannot_be_used(void **state)
{
	struct value *root = read_text("contexts:\nusers: null\n");
	struct err err = { 0 };

	(void)state;
	assert_int_equal(kubeconfig_use(root, "example-lab", &err), ERR_NOT_FOUND);
	put(root, &lab); /* lists that are null are filled */
	assert_int_equal(kubeconfig_use(root, "example-lab", &err), 0);
	assert_string_equal(value_get_text(root, "current-context"), "example-lab");
	value_free(root);
}

static void a_home_and_a_certificate_stand_where_kubectl_looks(void **state)
{
	struct kubeconfig_entry at_home = lab, certified = lab;
	struct value *root = read_text("");
	const struct value *user, *env;

	(void)state;
	at_home.home = "/srv/home";
	put(root, &at_home);
	certified.name = "example";
	certified.program = NULL;
	certified.certificate = "CERT";
	certified.key = "KEY";
	put(root, &certified);
	user = value_get(value_get(root, "users")->items[0], "user");
	env = value_get(value_get(user, "exec"), "env")->items[0];
	assert_string_equal(value_get_text(env, "name"), "POSTERN_HOME");
	assert_string_equal(value_get_text(env, "value"), "/srv/home");
	user = value_get(value_get(root, "users")->items[1], "user");
	assert_null(value_get(user, "exec"));
	assert_string_equal(value_get_text(user, "client-certificate-data"), "Q0VSVA==");
	assert_string_equal(value_get_text(user, "client-key-data"), "S0VZ");
	value_free(root);
}

static void what_is_no_kubeconfig_is_refused_by_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "- a", "config: not a kubeconfig" },
		{ "just words", "config: not a kubeconfig" },
		{ "a: 1\nclusters: {}\n", "config:2: 'clusters' is not a list" },
		{ "users: alice", "config:1: 'users' is not a list" },
		{ "a: 1\n---\nb: 2\n", "config: more than one document" },
		{ "a: [", "config:" },
		{ "a: &x 1\nb: *x\n", "config:2:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct value *root = NULL;
		struct err err = { 0 };

		if (kubeconfig_read("config", rows[i].text, strlen(rows[i].text), &root, &err) == 0)
			fail_msg("'%s' passes", rows[i].text);
		if (strncmp(err.msg, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("'%s' gives '%s'", rows[i].text, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_is_three_rows_of_one_name),
		cmocka_unit_test(what_others_wrote_stays_in_its_order_and_spelling),
		cmocka_unit_test(what_was_put_and_dropped_leaves_nothing_behind),
		cmocka_unit_test(putting_again_keeps_what_the_user_set_in_our_rows),
		cmocka_unit_test(a_name_that_is_anothers_is_refused),
		cmocka_unit_test(dropping_spares_other_proxies_and_what_is_to_be_kept),
		cmocka_unit_test(a_context_that_is_not_there_cannot_be_used),
		cmocka_unit_test(a_home_and_a_certificate_stand_where_kubectl_looks),
		cmocka_unit_test(what_is_no_kubeconfig_is_refused_by_its_line),
	};

	return unit_run(tests);
}

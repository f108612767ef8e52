#include "noded/policy.h"

#include "tests/unit/noded/node_world.h"

#define DEV    "{allow: {logins: [root, www], node_labels: {env: prod}}}"
#define STAGE  "{allow: {logins: [root], node_labels: {env: stage}}}"
#define NOWWW  "{deny: {logins: [www]}}"
#define LOADED "{deny: {node_labels: {load: high}}}"
#define STRICT "{options: {lock: strict}, allow: {logins: [root], node_labels: {env: prod}}}"
#define BRIEF                                                                                     \
	"{options: {disconnect_expired_cert: true, forward_agent: true, port_forwarding: false}," \
	" allow: {logins: [root], node_labels: {env: prod}}}"

static int set_up(void **state)
{
	struct node_world *w = malloc(sizeof(*w));

	world_init(w, "labels: {env: prod}\n");
	world_role(w, "dev", DEV);
	world_role(w, "stage", STAGE);
	world_role(w, "nowww", NOWWW);
	world_role(w, "brief", BRIEF);
	world_role(w, "strict", STRICT);
	world_lock_user(w, "mallory");
	world_start(w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static int ask(struct node_world *w, const pv_Identity *id, const char *login, const char *client,
               struct err *err)
{
	const struct policy_subject who = { id, login, client };
	struct role_set *roles = NULL;
	int rc = policy_check(&w->n, &who, &roles, err);

	if (rc == 0)
		role_set_unref(roles);
	return rc;
}

static void roles_labels_and_locks_decide(void **state)
{
	static const struct {
		const char *user;
		const char *roles[3];
		const char *login;
		int rc;
		const char *says;
	} cases[] = {
		{ "alice", { "dev" }, "root", 0, "" },
		{ "alice", { "dev" }, "www", 0, "" },
		{ "alice", { "dev" }, "bob", ERR_DENIED, "bob" },
		{ "alice", { "dev" }, "", ERR_DENIED, "" },
		{ "alice", { "stage" }, "root", ERR_DENIED, "web-1" },
		{ "alice", { "stage", "dev" }, "root", 0, "" },
		{ "alice", { "dev", "nowww" }, "www", ERR_DENIED, "nowww" },
		{ "alice", { "dev", "nowww" }, "root", 0, "" },
		{ "alice", { NULL }, "root", ERR_DENIED, "" },
		{ "alice", { "dev", "unheard-of" }, "root", ERR_NOT_FOUND, "unheard-of" },
		{ "mallory", { "dev" }, "root", ERR_DENIED, "under investigation" },
		{ "", { "dev" }, "root", ERR_UNAUTHENTICATED, "person" },
	};
	struct node_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = cases[i].roles[0] == NULL ? 0 : cases[i].roles[1] == NULL ? 1 : 2;
		pv_Identity id =
		        world_person(cases[i].user, (char **)(uintptr_t)cases[i].roles, count);
		struct err err = { 0 };
		int rc = ask(w, &id, cases[i].login, "192.0.2.7:1", &err);

		if (rc != cases[i].rc || strstr(err.msg, cases[i].says) == NULL)
			fail_msg("case %zu: %s '%s'", i, err_name(rc), err.msg);
	}
}

static void a_certificate_of_elsewhere_or_of_yesterday_is_no_good(void **state)
{
	static char *roles[] = { (char *)"dev" };
	struct node_world *w = *state;
	pv_Identity id = world_person("alice", roles, 1);
	struct err err = { 0 };

	id.cluster = (char *)"example.org";
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), ERR_DENIED);
	assert_string_equal(err.msg, "cluster 'example.org' is not trusted here");
	id = world_person("alice", roles, 1);
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), 0);
	clock_fake_advance(&w->clock, PKI_HOUR);
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), ERR_UNAUTHENTICATED);
	assert_non_null(strstr(err.msg, "expired"));
}

static void a_pinned_address_is_the_only_one(void **state)
{
	static const struct {
		const char *pinned, *client;
		int rc;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7:51234", 0 },
		{ "192.0.2.7", "192.0.2.70:51234", ERR_DENIED },
		{ "192.0.2.7", "192.0.2.8:51234", ERR_DENIED },
		{ "2001:db8::1", "[2001:db8::1]:22", 0 },
		{ "2001:db8::1", "[2001:db8::11]:22", ERR_DENIED },
		{ "192.0.2.7", "", ERR_DENIED },
	};
	static char *roles[] = { (char *)"dev" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pv_Identity id = world_person("alice", roles, 1);
		struct err err = { 0 };

		id.client_ip = (char *)(uintptr_t)cases[i].pinned;
		assert_int_equal(ask(*state, &id, "root", cases[i].client, &err), cases[i].rc);
	}
}

static void who_is_in_stays_past_the_certificate_unless_a_role_minds(void **state)
{
	static char *lasting[] = { (char *)"dev" };
	static char *brief[] = { (char *)"dev", (char *)"brief" };
	struct node_world *w = *state;
	pv_Identity id = world_person("alice", lasting, 1);
	struct policy_subject who = { &id, "root", "192.0.2.7:1" };
	struct err err = { 0 };
	int64_t end = -1;

	assert_int_equal(policy_check_again(&w->n, &who, &end, &err), 0);
	assert_int_equal(end, 0);
	id = world_person("alice", brief, 2);
	assert_int_equal(policy_check_again(&w->n, &who, &end, &err), 0);
	assert_int_equal(end, id.expires);
	clock_fake_advance(&w->clock, PKI_HOUR);
	assert_int_equal(policy_check_again(&w->n, &who, &end, &err), ERR_UNAUTHENTICATED);
	id = world_person("alice", lasting, 1);
	assert_int_equal(policy_check_again(&w->n, &who, &end, &err), 0);
}

static void sshd_is_told_no_more_than_the_roles_allow(void **state)
{
	static char *roles[] = { (char *)"dev" };
	static char *brief[] = { (char *)"brief" };
	struct node_world *w = *state;
	pv_Identity id = world_person("alice", roles, 1);
	struct policy_subject who = { &id, "root", "192.0.2.7:1" };
	struct role_set *set;
	struct buf line = { 0 };
	struct err err = { 0 };

	assert_int_equal(policy_check(&w->n, &who, &set, &err), 0);
	policy_append_line(set, "root", &line);
	assert_string_equal(buf_str(&line), "restrict,pty,port-forwarding root");
	role_set_unref(set);
	buf_clear(&line);
	id = world_person("alice", brief, 1);
	assert_int_equal(policy_check(&w->n, &who, &set, &err), 0);
	policy_append_line(set, "root", &line);
	assert_string_equal(buf_str(&line), "restrict,pty,agent-forwarding root");
	role_set_unref(set);
	buf_deinit(&line);
}

static void a_node_that_authd_will_not_have_lets_nobody_in(void **state)
{
	static char *roles[] = { (char *)"dev" };
	struct node_world *w = *state;
	pv_Identity id = world_person("alice", roles, 1);
	struct err err = { 0 };

	str_copy(w->n.denied, sizeof(w->n.denied), "node 'x' is locked");
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), ERR_DENIED);
	assert_string_equal(err.msg, "node 'x' is locked");
	w->n.denied[0] = 0;
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), 0);
}

static void strict_roles_want_locks_that_are_current(void **state)
{
	static char *roles[] = { (char *)"strict" };
	static char *others[] = { (char *)"dev" };
	struct node_world *w = *state;
	pv_Identity strict = world_person("alice", roles, 1), plain = world_person("al", others, 1);
	const struct {
		bool current;
		int64_t heard; /* ms ago; -1: never */
		int rc;
	} cases[] = {
		{ true, -1, 0 },
		{ false, -1, ERR_DENIED },
		{ false, POLICY_LOCKS_OLD_MS - 1, 0 },
		{ false, POLICY_LOCKS_OLD_MS, ERR_DENIED },
	};

	w->clock.mono += 2 * POLICY_LOCKS_OLD_MS;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };

		w->n.current = cases[i].current;
		w->n.heard = cases[i].heard < 0 ? 0 : w->clock.mono - cases[i].heard;
		assert_int_equal(ask(w, &strict, "root", "192.0.2.7:1", &err), cases[i].rc);
		assert_int_equal(ask(w, &plain, "root", "192.0.2.7:1", &err), 0);
	}
}

/* A node that never heard of the cluster, and one that does not know its labels. */
static void who_knows_nothing_lets_nobody_in(void **state)
{
	static char *roles[] = { (char *)"dev" };
	struct node_world *w = malloc(sizeof(*w));
	pv_Identity id = world_person("alice", roles, 1);
	struct err err = { 0 };

	(void)state;
	world_init(w, "labels: {env: prod}\n"
	              "commands: [{name: load, command: [sh, -c, 'echo high']}]\n");
	world_role(w, "dev", DEV);
	world_role(w, "loaded", LOADED);
	world_start(w);
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), 0);
	presence_close(w->n.presence);
	assert_int_equal(presence_open(&w->n, &w->n.presence, &err), 0);
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), ERR_UNAVAILABLE);
	turn_until(&w->loop, presence_labels_known(w->n.presence));
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), 0);
	cache_free(w->n.cache);
	const struct cache_conf conf = { .loop = &w->loop,
		                         .client = host_client(w->n.host),
		                         .kinds = (const char *const[]){ "role", NULL } };
	assert_int_equal(cache_new(&conf, &w->n.cache, &err), 0);
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), ERR_UNAVAILABLE);
	world_close(w);
	free(w);
}

static void a_label_that_a_command_prints_can_deny(void **state)
{
	static char *roles[] = { (char *)"dev", (char *)"loaded" };
	struct node_world *w = malloc(sizeof(*w));
	pv_Identity id = world_person("alice", roles, 2);
	struct err err = { 0 };

	(void)state;
	world_init(w, "labels: {env: prod}\n"
	              "commands: [{name: load, command: [sh, -c, 'echo high']}]\n");
	world_role(w, "dev", DEV);
	world_role(w, "loaded", LOADED);
	world_start(w);
	assert_int_equal(ask(w, &id, "root", "192.0.2.7:1", &err), ERR_DENIED);
	assert_non_null(strstr(err.msg, "loaded"));
	world_close(w);
	free(w);
}

#define in_world(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(roles_labels_and_locks_decide),
		in_world(a_certificate_of_elsewhere_or_of_yesterday_is_no_good),
		in_world(a_pinned_address_is_the_only_one),
		in_world(who_is_in_stays_past_the_certificate_unless_a_role_minds),
		in_world(a_node_that_authd_will_not_have_lets_nobody_in),
		in_world(sshd_is_told_no_more_than_the_roles_allow),
		in_world(strict_roles_want_locks_that_are_current),
		cmocka_unit_test(who_knows_nothing_lets_nobody_in),
		cmocka_unit_test(a_label_that_a_command_prints_can_deny),
	};

	return unit_run(tests);
}

/* Each allocation of the model fails in its turn: an error comes back that blames nobody, and (in
 * the sanitizer build) nothing was leaked or used after its end. */
#include "base/buf.h"
#include "base/strlist.h"
#include "model/glance.h"
#include "model/identity.h"
#include "model/label_pattern.h"
#include "model/listing_request.h"
#include "model/predicate.h"
#include "model/preset.h"
#include "model/request.h"
#include "model/resource.h"
#include "model/role_cache.h"
#include "model/role_map.h"
#include "model/rotation.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"
#include "tests/unit/no_memory.h"
#include "tests/unit/roles.h"

#define UUID "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"
#define ROLE_SPEC                                                                              \
	"{options: {max_session_ttl: 8h}, allow: {logins: [dev, '{{internal.logins}}', "       \
	"'{{email.local(external.email)}}'], node_labels: {env: [dev, '^qa-.*$'], '{{external" \
	".email}}': x}, node_labels_expression: 'labels[\"env\"] == \"dev\"', rules: "         \
	"[{resources: [session], verbs: [list], where: "                                       \
	"'contains(session.participants, user.metadata.name)', actions: ['log(\"info\", "      \
	"\"x\")']}], kubernetes_groups: [dev], kubernetes_users: ['{{external.email}}'], "     \
	"kubernetes_labels: {a: b}, kubernetes_resources: [{kind: pod, name: 'x-*'}], "        \
	"request: {roles: [ops], suggested_reviewers: [bob]}}, deny: {logins: [root], "        \
	"rules: [{resources: [token], verbs: ['*']}]}}"

static char *logins[] = { TEXT("alice") };
static char *mails[] = { TEXT("al@example.com") };
static pv_Identity_TraitsEntry trait_entries[] = {
	{ TEXT("logins"), true, { 1, logins } },
	{ TEXT("email"), true, { 1, mails } },
};
static char *role_names[] = { TEXT("r0") };
static pv_Identity alice = {
	.user = TEXT("alice"),
	.cluster = TEXT("example.com"),
	.roles = role_names,
	.roles_count = 1,
	.traits = trait_entries,
	.traits_count = 2,
};
static const struct role_docs docs = { "v7", { ROLE_SPEC }, NULL, 0 };
static struct buf node; /* stored */

/* --- texts ----------------------------------------------------------------------------------- */

static int fills_templates(struct err *err)
{
	static const char *const texts[] = {
		"plain",
		"a-{{email.local(external.email)}}",
		"{{regexp.replace(strings.upper(external.email), \"^AL(.*)$\", \"x$1\")}}",
	};
	const struct traits traits = { trait_entries, 2 };
	struct strlist out = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = template_expand(texts[i], &traits, &out, err);
	if (rc == 0)
		assert_string_equal(out.items[2], "x@EXAMPLE.COM");
	strlist_deinit(&out);
	return rc;
}

static int judges_labels(struct err *err)
{
	static const char *const patterns[] = { "abc-*", "^abc-[0-9]$",
		                                "abc{{regexp.match(\"^-[0-9]$\")}}" };
	bool match = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		rc = label_pattern_match(patterns[i], "abc-1", &match, err);
		assert_true(rc != 0 || match);
	}
	return rc;
}

static int maps_roles(struct err *err)
{
	char *local[] = { TEXT("local-$1") }, *remote[] = { TEXT("team-a") };
	const pv_RoleMapping map = { TEXT("team-*"), 1, local };
	struct strlist out = { 0 };
	int rc = role_map_check("role_map", &map, 1, err);

	if (rc == 0)
		rc = role_map_apply(&map, 1, remote, 1, &out, err);
	assert_true(rc != 0 || strcmp(out.items[0], "local-a") == 0);
	strlist_deinit(&out);
	return rc;
}

static int reads_conditions(struct err *err)
{
	struct predicate *p = NULL;
	int rc = predicate_new(&p,
	                       "equals(user.metadata.name, \"alice\") && (has_prefix(\"abc\", "
	                       "\"a\") || !contains(user.spec.traits[\"email\"], \"x\"))",
	                       PREDICATE_WHERE, err);

	predicate_free(p);
	return rc;
}

/* --- identities and roles -------------------------------------------------------------------- */

static int certifies_identities(struct err *err)
{
	struct buf bytes = { 0 }, text = { 0 };
	pv_Identity again = { 0 }, same = { 0 }, copy = { 0 };
	int rc = identity_encode(&alice, &bytes, err);

	if (rc == 0)
		rc = identity_decode(&again, bytes.data, bytes.len, err);
	if (rc == 0)
		rc = identity_encode_ssh(&again, &text, err);
	if (rc == 0)
		rc = identity_decode_ssh(&same, buf_str(&text), text.len, err);
	if (rc == 0)
		rc = identity_copy(&copy, &same, err);
	identity_deinit(&again);
	identity_deinit(&same);
	identity_deinit(&copy);
	buf_deinit(&bytes);
	buf_deinit(&text);
	return rc;
}

static int knows_the_administrator(struct err *err)
{
	struct peer admin = { 0 };
	int rc = peer_admin(&admin, "root", err);

	peer_deinit(&admin);
	return rc;
}

static int caches_role_sets(struct err *err)
{
	struct role_cache *cache = role_cache_new(1, roles_lookup, (void *)(uintptr_t)&docs);
	struct role_set *s = NULL;
	int rc = cache != NULL ? role_cache_get(cache, &alice, &s, err) : err_set_nomem(err);

	role_set_unref(s);
	role_cache_free(cache);
	return rc;
}

static int answers_with_lists(struct err *err)
{
	struct role_set *s = NULL;
	struct strlist one = { 0 }, groups = { 0 }, users = { 0 };
	const struct label labels[] = { { "env", "dev" }, { "al@example.com", "x" } };
	const struct label_set set = { labels, 2 };
	int rc = role_set_new(&s, &alice, roles_lookup, (void *)(uintptr_t)&docs, err);

	if (rc != 0)
		return rc;
	rc = role_set_node_logins(s, &set, &one, err);
	if (rc == 0)
		rc = role_set_logins(s, 1, &one, err);
	if (rc == 0)
		rc = role_set_kubernetes(s, 1, NULL, &groups, &users, err);
	role_set_unref(s);
	strlist_deinit(&one);
	strlist_deinit(&groups);
	strlist_deinit(&users);
	return rc;
}

static int makes_presets(struct err *err)
{
	pv_Role role;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < PRESET_ROLES; i++) {
		rc = preset_role(i, &role, err);
		if (rc == 0)
			fields_release(&pv_Role_table, &role);
	}
	return rc;
}

/* --- resources ------------------------------------------------------------------------------- */

static const struct {
	const char *kind, *yaml;
} documents[] = {
	{ "role", "{metadata: {name: a}, version: v3, spec: {options: {cert_format: standard}}}" },
	{ "user", "{metadata: {name: a}, spec: {roles: [b], traits: {logins: [c]}}}" },
	{ "token", "{metadata: {name: a}, spec: {roles: [node, kube]}}" },
	{ "lock", "{metadata: {name: a}, spec: {target: {server_id: " UUID "}}}" },
	{ "cap", "{}" },
	{ "tc", "{metadata: {name: a}, spec: {tunnel_addr: 'a:1', web_proxy_addr: 'b:1', role_map: "
	        "[{remote: 'a-*', local: ['b-$1']}]}}" },
	{ "rts", "{metadata: {name: a}, spec: {cluster_name: a, dial_addrs: ['a:1']}}" },
	{ "oidc", "{metadata: {name: a}, spec: {issuer_url: https://i, client_id: a, redirect_url: "
	          "https://r, claims_to_roles: [{claim: a, value: 'b-*', roles: [c]}]}}" },
	{ "node", "{metadata: {name: " UUID "}, spec: {hostname: a, addr: 'a:1'}}" },
};

static int takes_resources(struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(documents) / sizeof(documents[0]); i++) {
		const struct resource_kind *kind = resource_kind_find(documents[i].kind);
		pv_Resource r = { .which_of = kind->tag };

		rc = fields_from_yaml(kind->table, "test", documents[i].yaml,
		                      strlen(documents[i].yaml), &r.of, err);
		if (rc == 0)
			rc = resource_validate(&r, err);
		resource_deinit(&r);
	}
	return rc;
}

static int glances_at_nodes(struct err *err)
{
	struct glance g = { 0 };
	int rc = glance_at_node(&g, node.data, node.len, err);

	assert_true(rc != 0 || g.labels.count == 2);
	glance_deinit(&g);
	return rc;
}

static int gathers_labels(struct err *err)
{
	struct label *items = NULL;
	struct label_set set;
	pv_Resource r;
	int rc = resource_decode(&r, node.data, node.len, err);

	if (rc != 0)
		return rc;
	rc = label_of_node(&r.of.node, &items, &set, err);
	free(items);
	resource_deinit(&r);
	return rc;
}

static int steps_a_rotation(struct err *err)
{
	const struct rotation_wish init = { ROTATION_INIT, true, UUID, 1000, 3000, 100 };
	const struct rotation_wish back = { .phase = ROTATION_ROLLBACK, .now = 2000 };
	pv_Rotation none = { 0 }, begun = { 0 }, undone = { 0 };
	enum rotation_change change;
	int rc = rotation_step(&none, &init, &begun, &change, err);

	if (rc == 0)
		rc = rotation_step(&begun, &back, &undone, &change, err);
	fields_release(&pv_Rotation_table, &begun);
	fields_release(&pv_Rotation_table, &undone);
	return rc;
}

/* --- requests -------------------------------------------------------------------------------- */

static int reviews_a_request(struct err *err)
{
	char *roles[] = { TEXT("ops") };
	const pv_AccessReview review = { .author = TEXT("bob"),
		                         .proposed_state = TEXT(REQUEST_APPROVED),
		                         .reason = TEXT("go on") };
	const pv_AccessRequestSpec given = { .user = TEXT("alice"),
		                             .roles = roles,
		                             .roles_count = 1,
		                             .state = TEXT(REQUEST_PENDING) };
	const struct request_person bob = { .who = &alice };
	pv_AccessRequestSpec spec = { 0 };
	int rc = fields_clone(&pv_AccessRequestSpec_table, &given, &spec, err);

	if (rc == 0)
		rc = request_review(&bob, &spec, &review, err);
	fields_release(&pv_AccessRequestSpec_table, &spec);
	return rc;
}

static int lists_requests(struct err *err)
{
	char *roles[] = { TEXT("ops"), TEXT("dev") };
	pv_Resource r = { .which_of = pv_Resource_access_request_tag };
	struct listing *table = listing_new(LISTING_TEXT, &listing_request);
	struct listing *json = listing_new(LISTING_JSON, &listing_request);
	int rc = table != NULL && json != NULL ? 0 : err_set_nomem(err);

	r.of.access_request.metadata.name = TEXT(UUID);
	r.of.access_request.has_spec = r.of.access_request.has_metadata = true;
	r.of.access_request.spec.roles = roles;
	r.of.access_request.spec.roles_count = 2;
	if (rc == 0)
		rc = listing_add(table, &r, err);
	if (rc == 0)
		rc = listing_add(json, &r, err);
	listing_free(table);
	listing_free(json);
	return rc;
}

/* --- each in turn ---------------------------------------------------------------------------- */

static const struct no_memory_part parts[] = {
	{ "fills_templates", fills_templates },
	{ "judges_labels", judges_labels },
	{ "maps_roles", maps_roles },
	{ "reads_conditions", reads_conditions },
	{ "certifies_identities", certifies_identities },
	{ "knows_the_administrator", knows_the_administrator },
	{ "caches_role_sets", caches_role_sets },
	{ "answers_with_lists", answers_with_lists },
	{ "makes_presets", makes_presets },
	{ "takes_resources", takes_resources },
	{ "glances_at_nodes", glances_at_nodes },
	{ "gathers_labels", gathers_labels },
	{ "steps_a_rotation", steps_a_rotation },
	{ "reviews_a_request", reviews_a_request },
	{ "lists_requests", lists_requests },
};

static void each_allocation_that_fails_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		no_memory_fail_each(&parts[i], false);
}

static void memory_that_stays_out_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		no_memory_fail_each(&parts[i], true);
}

static int set_up(void **state)
{
	static const char yaml[] = "{metadata: {name: " UUID ", labels: {env: dev}}, spec: "
	                           "{hostname: web-1, cmd_labels: {kernel: {result: '6.1'}}}}";
	pv_Resource r = { .which_of = pv_Resource_node_tag };
	struct err err;
	int rc = fields_from_yaml(&pv_Node_table, "test", yaml, strlen(yaml), &r.of.node, &err);

	(void)state;
	if (rc == 0)
		rc = resource_encode(&r, &node, &err);
	resource_deinit(&r);
	return rc;
}

static int tear_down(void **state)
{
	(void)state;
	buf_deinit(&node);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_that_fails_is_an_error),
		cmocka_unit_test(memory_that_stays_out_is_an_error),
	};

	return unit_run_with(tests, set_up, tear_down);
}

#include "proxyd/kube_route.h"

#include "base/strlist.h"
#include "wire/preface.h"

#include "tests/unit/proxyd/proxy_world.h"

#define CLUSTER  MEMBER_CLUSTER
#define THIRD_ID "33333333-3333-4333-8333-333333333333"

static void know_server(struct proxy_world *w, const char *id, const char *kube)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	         "{kind: kube_server, version: v2, metadata: {name: %s}, "
	         "spec: {hostname: k, addr: '127.0.0.1:1', kube_cluster: %s}}",
	         id, kube);
	world_know(w, yaml, pv_Resource_kube_server_tag, &pv_Node_table);
}

static int find(const struct proxy_world *w, const char *name, const struct strlist *tried,
                const char **out_id, struct err *err)
{
	const pv_Node *server = NULL;
	int rc = kube_route_find(w->p.cache, name, CLUSTER, tried, &server, err);

	*out_id = server != NULL ? server->metadata.name : NULL;
	return rc;
}

static void names_below_the_clusters_are_of_kubernetes(void **state)
{
	static const struct {
		const char *name;
		bool wanted;
	} rows[] = {
		{ "kube." CLUSTER, true },
		{ "lab.kube." CLUSTER, true },
		{ "a.b.kube." CLUSTER, true },
		{ "kube.kube." CLUSTER, true },
		{ "", false },
		{ "kube", false },
		{ "."
		  "kube." CLUSTER,
		  false },
		{ "xkube." CLUSTER, false },
		{ CLUSTER, false },
		{ "kube.other", false },
		{ "auth." CLUSTER, false },
		{ "kube." CLUSTER ".", false },
		{ "kube." CLUSTER ".x", false },
		{ "lab.KUBE." CLUSTER, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (kube_route_wants(rows[i].name, CLUSTER) != rows[i].wanted)
			fail_msg("'%s'", rows[i].name);
}

static void a_name_leads_to_who_serves_it(void **state)
{
	struct proxy_world *w = world_begin(*state);
	const struct strlist none = { 0 };
	struct err err = { 0 };
	const char *id;

	know_server(w, NODE_ID, "lab");
	know_server(w, OTHER_ID, "prod");
	world_start(w);
	assert_int_equal(find(w, "lab.kube." CLUSTER, &none, &id, &err), 0);
	assert_string_equal(id, NODE_ID);
	assert_int_equal(find(w, "prod.kube." CLUSTER, &none, &id, &err), 0);
	assert_string_equal(id, OTHER_ID);
	assert_int_equal(find(w, "pro.kube." CLUSTER, &none, &id, &err), ERR_NOT_FOUND);
	assert_int_equal(find(w, "prod2.kube." CLUSTER, &none, &id, &err), ERR_NOT_FOUND);
	assert_string_equal(err.msg, "no kubeproxyd serves 'prod2.kube." CLUSTER "'");
	assert_int_equal(find(w, "kube." CLUSTER, &none, &id, &err), ERR_CONFLICT);
	world_end(w);
}

static void of_several_that_serve_the_same_each_is_tried_once(void **state)
{
	struct proxy_world *w = world_begin(*state);
	struct strlist tried = { 0 };
	struct err err = { 0 };
	const char *id;

	know_server(w, NODE_ID, "lab");
	know_server(w, OTHER_ID, "lab");
	know_server(w, THIRD_ID, "lab");
	world_start(w);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(find(w, "kube." CLUSTER, &tried, &id, &err), 0);
		assert_false(strlist_has(&tried, id));
		assert_int_equal(strlist_add(&tried, id, &err), 0);
	}
	assert_int_equal(find(w, "lab.kube." CLUSTER, &tried, &id, &err), ERR_NOT_FOUND);
	strlist_deinit(&tried);
	world_end(w);
}

static void a_host_is_found_by_its_id(void **state)
{
	struct proxy_world *w = world_begin(*state);

	know_server(w, OTHER_ID, "lab");
	world_node(w, NODE_ID, "test", "127.0.0.1:1");
	world_start(w);
	assert_string_equal(kube_route_host(w->p.cache, OTHER_ID)->spec.kube_cluster, "lab");
	assert_null(kube_route_host(w->p.cache, NODE_ID));
	assert_null(kube_route_host(w->p.cache, "web-1"));
	assert_null(kube_route_host(w->p.cache, ""));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_below_the_clusters_are_of_kubernetes),
		loop_test(a_name_leads_to_who_serves_it),
		loop_test(of_several_that_serve_the_same_each_is_tried_once),
		loop_test(a_host_is_found_by_its_id),
	};

	return unit_run(tests);
}

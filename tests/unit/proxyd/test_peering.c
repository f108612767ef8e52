#include "proxyd/tunnel/peering.h"

#include "tests/unit/proxyd/proxy_world.h"

#define AGENT  "33333333-3333-4333-8333-333333333333"
#define NOBODY "44444444-4444-4444-8444-444444444444"
#define FIRST  "55555555-5555-4555-8555-555555555555"
#define SECOND "66666666-6666-4666-8666-666666666666"
#define GONE   "77777777-7777-4777-8777-777777777777"

static void know_proxy(struct proxy_world *w, const char *id, const char *spec)
{
	char yaml[256];

	snprintf(yaml, sizeof(yaml), "{kind: proxy, version: v2, metadata: {name: %s}, spec: {%s}}",
	         id, spec);
	world_know(w, yaml, pv_Resource_proxy_tag, &pv_Node_table);
}

static void know_tunnel(struct proxy_world *w, const char *proxy, const char *heard)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	         "{kind: tunnel_connection, version: v2, metadata: {name: %s-" AGENT
	         "}, spec: {cluster_name: a, proxy_name: %s, agent_id: " AGENT
	         ", last_heartbeat: '%s'}}",
	         proxy, proxy, heard);
	world_know(w, yaml, pv_Resource_tunnel_connection_tag, &pv_TunnelConnection_table);
}

static void know_strategy(struct proxy_world *w, const char *strategy)
{
	char yaml[256];

	snprintf(yaml, sizeof(yaml),
	         "{kind: cluster_networking_config, version: v2, metadata: "
	         "{name: cluster-networking-config}, spec: {%s}}",
	         strategy);
	world_know(w, yaml, pv_Resource_cluster_networking_config_tag,
	           &pv_ClusterNetworkingConfig_table);
}

/* Two proxies and ourselves have a tunnel of the agent, the second heard of it last; one that is
 * known no more had. */
static struct proxy_world *begin(uv_loop_t *loop)
{
	struct proxy_world *w = world_begin(loop);

	know_proxy(w, MEMBER_ID, "addr: 'us:3080'");
	know_proxy(w, FIRST, "addr: 'balancer:3080', peer_addr: 'first:3080'");
	know_proxy(w, SECOND, "addr: 'second:3080'");
	know_tunnel(w, MEMBER_ID, "2027-01-01T00:00:03Z");
	know_tunnel(w, FIRST, "2027-01-01T00:00:01Z");
	know_tunnel(w, SECOND, "2027-01-01T00:00:02Z");
	know_tunnel(w, GONE, "2027-01-01T00:00:04Z");
	return w;
}

static void the_proxy_that_heard_last_is_the_first_choice(void **state)
{
	struct proxy_world *w = begin(*state);
	struct peering_way way;
	struct err err = { 0 };

	world_start(w);
	for (unsigned turn = 0; turn < 4; turn++) {
		bool second = turn % 2 == 0;

		member_check(peering_find(w->p.cache, MEMBER_ID, AGENT, turn, &way, &err), &err);
		assert_string_equal(way.proxy_id, second ? SECOND : FIRST);
		assert_string_equal(way.addr, second ? "second:3080" : "first:3080");
	}
	world_end(w);
}

static void an_agent_that_nobody_has_is_not_found(void **state)
{
	struct proxy_world *w = begin(*state);
	struct peering_way way;
	struct err err = { 0 };

	world_start(w);
	assert_int_equal(peering_find(w->p.cache, MEMBER_ID, NOBODY, 0, &way, &err),
	                 ERR_UNAVAILABLE);
	assert_string_equal(err.msg, "no proxy has a tunnel of its agent '" NOBODY "'");
	world_end(w);
}

static void how_many_tunnels_there_are_to_be_the_strategy_says(void **state)
{
	static const struct {
		const char *strategy;
		uint32_t count;
	} cases[] = {
		{ "", 0 },
		{ "tunnel_strategy: {type: agent_mesh}", 0 },
		{ "tunnel_strategy: {type: proxy_peering}", 1 },
		{ "tunnel_strategy: {type: proxy_peering, agent_connection_count: 3}", 3 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_world *w = begin(*state);

		know_strategy(w, cases[i].strategy);
		world_start(w);
		assert_int_equal(peering_connections(w->p.cache), cases[i].count);
		world_end(w);
	}
}

static void without_a_strategy_each_proxy_has_its_own(void **state)
{
	struct proxy_world *w = begin(*state);

	world_start(w);
	assert_int_equal(peering_connections(w->p.cache), 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(the_proxy_that_heard_last_is_the_first_choice),
		loop_test(an_agent_that_nobody_has_is_not_found),
		loop_test(how_many_tunnels_there_are_to_be_the_strategy_says),
		loop_test(without_a_strategy_each_proxy_has_its_own),
	};

	return unit_run(tests);
}

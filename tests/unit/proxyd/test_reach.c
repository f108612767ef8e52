#include "proxyd/reach.h"

#include "base/str.h"
#include "loop/listen.h"
#include "wire/preface.h"

#include "proto/dial.fields.h"

#include "tests/unit/proxyd/proxy_world.h"

/* What a reach came to, and a node that listens. */
struct reach_fixture {
	struct proxy_world *w;
	struct peer peer;
	struct reach *reach;
	int answers;
	int code;
	char message[ERR_MSG_SIZE];
	char node_id[64];
	size_t candidates;
	struct ear stream; /* ours to the node */

	struct listen *listen;
	unsigned port;
	struct ear node; /* what the node hears */
};

static void on_reached(void *owner, struct stream *take_stream, const char *node_id,
                       const pv_DialResponse *response, const struct err *why)
{
	struct reach_fixture *f = owner;

	f->answers++;
	f->reach = NULL;
	f->code = why != NULL ? why->code : 0;
	snprintf(f->message, sizeof(f->message), "%s", why != NULL ? why->msg : "");
	str_copy(f->node_id, sizeof(f->node_id), node_id);
	f->candidates = response->candidates_count;
	assert_int_equal(take_stream == NULL, why != NULL);
	if (take_stream != NULL)
		ear_attach(&f->stream, take_stream);
}

static void on_accept(void *owner, struct stream *take_stream)
{
	ear_attach(&((struct reach_fixture *)owner)->node, take_stream);
}

static struct reach_fixture *begin(uv_loop_t *loop)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct listen_limits limits = { 0 };
	struct reach_fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	assert_non_null(f);
	f->w = world_begin(loop);
	f->node.ends_too = true;
	f->listen = listen_new(loop, &limits, &handler, f);
	assert_non_null(f->listen);
	member_check(listen_add(f->listen, "127.0.0.1:0", &err), &err);
	world_peer(f->w, "alice", &f->peer);
	return f;
}

/* The node that is there. */
static void node_listens(struct reach_fixture *f)
{
	char addr[64];

	snprintf(addr, sizeof(addr), "127.0.0.1:%u", listen_port(f->listen));
	world_node(f->w, NODE_ID, "test", addr);
}

static void end(struct reach_fixture *f)
{
	listen_free(f->listen);
	if (f->stream.stream != NULL)
		stream_reset(f->stream.stream, NULL);
	world_end(f->w);
	peer_deinit(&f->peer);
	buf_deinit(&f->node.got);
	buf_deinit(&f->stream.got);
	free(f);
}

static void go(struct reach_fixture *f, const pv_DialRequest *request)
{
	struct err err = { 0 };

	member_check(reach_start(&f->w->p, &f->peer, request, on_reached, f, &f->reach, &err),
	             &err);
	assert_int_equal(f->answers, 0); /* never from within */
}

static void a_node_that_is_reached_hears_the_signed_preface_first(void **state)
{
	struct reach_fixture *f = begin(*state);
	const pv_DialRequest request = { .target = (char *)(uintptr_t) "web-1" };
	struct preface_check check = { .target = NODE_ID, .now_ms = PKI_NOW };
	pv_PrefacePayload payload;
	pv_Preface preface;
	struct x509 *signer;
	struct err err = { 0 };
	size_t used = 0;

	node_listens(f);
	world_start(f->w);
	go(f, &request);
	turn_until(f->w->loop, f->answers == 1 && f->node.got.len > 0);
	assert_int_equal(f->code, 0);
	assert_string_equal(f->node_id, NODE_ID);
	member_check(preface_parse(f->node.got.data, f->node.got.len, &preface, &used, &err), &err);
	assert_int_equal(used, f->node.got.len);
	check.trust = f->w->hosts.trust;
	check.seen = preface_seen_new(4);
	member_check(preface_verify(&preface, &check, &payload, &signer, &err), &err);
	assert_string_equal(payload.client_addr, "192.0.2.7:51234");
	assert_string_equal(payload.user, "alice");
	preface_payload_release(&payload);
	preface_release(&preface);
	preface_seen_free(check.seen);
	x509_unref(signer);
	end(f);
}

static void what_cannot_be_reached_is_said(void **state)
{
	static const struct {
		const char *target;
		const char *cluster;
		int64_t client_time;
		const char *lock;
		int code;
		const char *said;
	} cases[] = {
		{ "", NULL, 0, NULL, ERR_INVALID, "no node was named" },
		{ "nowhere", NULL, 0, NULL, ERR_NOT_FOUND, "nowhere" },
		{ OTHER_ID, NULL, 0, NULL, ERR_NOT_FOUND, OTHER_ID }, /* not for dev */
		{ "web-1", "elsewhere", 0, NULL, ERR_NOT_FOUND, "this is 'example.com'" },
		{ "web-1", MEMBER_CLUSTER, 0, "user: alice", ERR_DENIED, "under investigation" },
		{ "web-1", NULL, 0, "node: " NODE_ID, ERR_DENIED, "under investigation" },
		{ "", NULL, PKI_NOW + 2 * PKI_HOUR, NULL, ERR_INVALID, "2h0m0s ahead of ours" },
		{ "", NULL, PKI_NOW - PKI_HOUR, NULL, ERR_INVALID, "1h0m0s behind ours" },
		{ "", NULL, INT64_MIN, NULL, ERR_INVALID, "no node was named" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reach_fixture *f = begin(*state);
		const pv_DialRequest request = {
			.target = (char *)(uintptr_t)cases[i].target,
			.cluster = (char *)(uintptr_t)cases[i].cluster,
			.client_time = cases[i].client_time,
		};

		node_listens(f);
		world_node(f->w, OTHER_ID, "prod", "192.0.2.1:3022");
		if (cases[i].lock != NULL)
			world_lock(f->w, cases[i].lock);
		world_start(f->w);
		go(f, &request);
		turn_until(f->w->loop, f->answers == 1);
		if (f->code != cases[i].code || strstr(f->message, cases[i].said) == NULL)
			fail_msg("case %zu: %d %s", i, f->code, f->message);
		end(f);
	}
}

static void an_ambiguous_name_comes_with_candidates(void **state)
{
	struct reach_fixture *f = begin(*state);
	const pv_DialRequest request = { .target = (char *)(uintptr_t) "web-1" };

	node_listens(f);
	world_node(f->w, OTHER_ID, "test", "192.0.2.1:3022");
	world_start(f->w);
	go(f, &request);
	turn_until(f->w->loop, f->answers == 1);
	assert_int_equal(f->code, ERR_CONFLICT);
	assert_int_equal(f->candidates, 2);
	end(f);
}

static void a_node_that_does_not_answer_is_named(void **state)
{
	struct reach_fixture *f = begin(*state);
	const pv_DialRequest request = { .target = (char *)(uintptr_t) "web-1" };

	node_listens(f);
	listen_free(f->listen);
	f->listen = NULL;
	f->w->p.conf.dial_timeout = 1000;
	world_start(f->w);
	go(f, &request);
	turn_until(f->w->loop, f->answers == 1);
	assert_int_equal(f->code, ERR_UNAVAILABLE);
	assert_non_null(strstr(f->message, "reach node '" NODE_ID "'"));
	end(f);
}

static void listen_again(struct reach_fixture *f, unsigned port)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct listen_limits limits = { 0 };
	struct err err = { 0 };
	char addr[64];

	snprintf(addr, sizeof(addr), "127.0.0.1:%u", port);
	f->listen = listen_new(f->w->loop, &limits, &handler, f);
	assert_non_null(f->listen);
	member_check(listen_add(f->listen, addr, &err), &err);
}

static void on_restarted(uv_timer_t *timer)
{
	struct reach_fixture *f = timer->data;

	listen_again(f, f->port);
	uv_close((uv_handle_t *)timer, NULL);
}

static void a_node_that_is_being_restarted_is_waited_for(void **state)
{
	struct reach_fixture *f = begin(*state);
	const pv_DialRequest request = { .target = (char *)(uintptr_t) "web-1" };
	uv_timer_t restart;

	node_listens(f);
	f->port = listen_port(f->listen);
	listen_free(f->listen);
	f->listen = NULL;
	world_start(f->w);
	uv_timer_init(f->w->loop, &restart);
	restart.data = f;
	uv_timer_start(&restart, on_restarted, 150, 0);
	go(f, &request);
	turn_until(f->w->loop, f->answers == 1);
	assert_int_equal(f->code, 0);
	end(f);
}

static void the_wait_for_a_node_can_be_canceled(void **state)
{
	struct reach_fixture *f = begin(*state);
	const pv_DialRequest request = { .target = (char *)(uintptr_t) "web-1" };

	node_listens(f);
	listen_free(f->listen);
	f->listen = NULL;
	world_start(f->w);
	go(f, &request);
	for (int turn = 0; turn < 50; turn++)
		uv_run(f->w->loop, UV_RUN_NOWAIT); /* refused by now */
	reach_cancel(f->reach);
	turn_until(f->w->loop, f->answers == 1);
	assert_int_equal(f->code, ERR_CANCELED);
	end(f);
}

static void who_is_no_person_goes_nowhere(void **state)
{
	struct reach_fixture *f = begin(*state);
	const pv_DialRequest request = { .target = (char *)(uintptr_t) "web-1" };

	node_listens(f);
	world_start(f->w);
	peer_deinit(&f->peer);
	f->peer = (struct peer){ .kind = PEER_ANONYMOUS };
	go(f, &request);
	turn_until(f->w->loop, f->answers == 1);
	assert_int_equal(f->code, ERR_UNAUTHENTICATED);
	end(f);
}

static void it_can_be_canceled_at_every_turn_of_the_loop(void **state)
{
	static const char *const targets[] = { "web-1", "nowhere" };

	for (int turns = 0; turns < 8; turns++) {
		for (size_t i = 0; i < 2; i++) {
			struct reach_fixture *f = begin(*state);
			const pv_DialRequest request = { .target = (char *)(uintptr_t)targets[i] };

			node_listens(f);
			world_start(f->w);
			go(f, &request);
			for (int turn = 0; turn < turns; turn++)
				uv_run(f->w->loop, UV_RUN_NOWAIT);
			reach_cancel(f->reach);
			turn_until(f->w->loop, f->answers == 1);
			end(f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(a_node_that_is_reached_hears_the_signed_preface_first),
		loop_test(what_cannot_be_reached_is_said),
		loop_test(an_ambiguous_name_comes_with_candidates),
		loop_test(a_node_that_does_not_answer_is_named),
		loop_test(a_node_that_is_being_restarted_is_waited_for),
		loop_test(the_wait_for_a_node_can_be_canceled),
		loop_test(who_is_no_person_goes_nowhere),
		loop_test(it_can_be_canceled_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}

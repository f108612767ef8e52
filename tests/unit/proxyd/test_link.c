#include "proxyd/link.h"

#include "tests/unit/proxyd/proxy_world.h"

/* A link between two ears, each at the far end of one of its streams. */
struct link_fixture {
	struct proxy_world *w;
	struct ear client;
	struct ear node;
	int ended;
};

static void on_ended(void *arg)
{
	((struct link_fixture *)arg)->ended++;
}

static struct link_fixture *begin(uv_loop_t *loop, const char *user, const char *lock)
{
	struct link_fixture *f = calloc(1, sizeof(*f));
	struct stream *client, *node, *ours[2];
	struct peer peer;
	struct err err = { 0 };

	assert_non_null(f);
	f->w = world_begin(loop);
	if (lock != NULL)
		world_lock(f->w, lock);
	world_start(f->w);
	stream_pair(loop, &client, &ours[0]);
	stream_pair(loop, &node, &ours[1]);
	f->client.ends_too = f->node.ends_too = true;
	ear_attach(&f->client, client);
	ear_attach(&f->node, node);
	world_peer(f->w, user, &peer);
	member_check(link_start(&f->w->p, &peer, NODE_ID, ours[0], ours[1], on_ended, f, &err),
	             &err);
	assert_null(peer.identity.user); /* taken */
	return f;
}

static void end(struct link_fixture *f)
{
	world_end(f->w);
	buf_deinit(&f->client.got);
	buf_deinit(&f->node.got);
	free(f);
}

static void bytes_pass_until_one_side_ends(void **state)
{
	struct link_fixture *f = begin(*state, "alice", NULL);

	stream_write(f->client.stream, "question", 8);
	stream_write(f->node.stream, "answer", 6);
	turn_until(f->w->loop, f->node.got.len == 8 && f->client.got.len == 6);
	assert_false(list_empty(&f->w->p.links));
	stream_end(f->client.stream);
	turn_until(f->w->loop, f->ended == 1 && f->client.closes + f->node.closes == 2);
	assert_true(list_empty(&f->w->p.links));
	end(f);
}

static void a_lock_ends_whom_it_names_and_nobody_else(void **state)
{
	static const struct {
		const char *lock;
		bool ends;
	} cases[] = {
		{ "user: alice", true },
		{ "user: bob", false },
		{ "role: dev", true },
		{ "role: ops", false },
		{ "node: " NODE_ID, true },
		{ "node: " OTHER_ID, false },
		{ "user: alice, role: ops", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_fixture *f = begin(*state, "alice", cases[i].lock);

		link_check_all(&f->w->p);
		for (int turn = 0; turn < 10; turn++)
			uv_run(f->w->loop, UV_RUN_NOWAIT);
		if (f->ended != (cases[i].ends ? 1 : 0))
			fail_msg("lock '%s': ended %d", cases[i].lock, f->ended);
		if (!cases[i].ends)
			link_end_all(&f->w->p);
		turn_until(f->w->loop, f->ended == 1 && f->client.closes + f->node.closes == 2);
		end(f);
	}
}

static void all_end_when_the_proxy_does(void **state)
{
	struct link_fixture *f = begin(*state, "alice", NULL);

	link_end_all(&f->w->p);
	turn_until(f->w->loop, f->ended == 1 && f->client.closes + f->node.closes == 2);
	link_end_all(&f->w->p); /* there is none */
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(bytes_pass_until_one_side_ends),
		loop_test(a_lock_ends_whom_it_names_and_nobody_else),
		loop_test(all_end_when_the_proxy_does),
	};

	return unit_run(tests);
}

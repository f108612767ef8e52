/* Presence over a keyspace whose clock the test moves; the loop's own time runs as it does. */
#include "authd/hosts/presence.h"

#include "authd/core/authd.h"
#include "authd/recordings/orphans.h"
#include "base/buf.h"
#include "base/list.h"
#include "loop/shifts.h"
#include "model/resource.h"

#include "tests/unit/keyspace_fixture.h"

#include <fcntl.h>

#define WEB "/nodes/6b0f2a1e-58e5-4b7a-9b0e-2f3a55b0d1f1"
#define DB  "/nodes/7c1f2a1e-58e5-4b7a-9b0e-2f3a55b0d1f2"
#define TTL 60000

struct world {
	struct fixture *f;
	uv_loop_t loop;
	uv_poll_t commits;
	struct authd authd;
	struct presence *presence;
};

static void on_commits(uv_poll_t *handle, int status, int events)
{
	(void)status, (void)events;
	keyspace_dispatch(container_of(handle, struct world, commits)->f->ks);
}

static void on_gone(struct authd *a)
{
	orphans_look(a->orphans);
}

static void world_open(struct world *w, struct fixture *f)
{
	*w = (struct world){ .f = f };
	uv_loop_init(&w->loop);
	w->authd = (struct authd){ .loop = &w->loop, .clock = &f->clock.clock, .keyspace = f->ks };
	uv_poll_init(&w->loop, &w->commits, keyspace_fd(f->ks));
	uv_poll_start(&w->commits, UV_READABLE, on_commits);
	w->authd.lists = shifts_new(&w->loop, 4000, 8);
	w->authd.orphans = orphans_new(&w->authd);
	assert_int_equal(presence_open(&w->authd, on_gone, &w->presence, &f->err), 0);
	w->authd.presence = w->presence;
}

static void world_close(struct world *w)
{
	presence_close(w->presence);
	orphans_free(w->authd.orphans);
	shifts_free(w->authd.lists);
	uv_close((uv_handle_t *)&w->commits, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
}

/* Stores a node's record as an announcement does. */
static void store(struct fixture *f, const char *key, int64_t ttl)
{
	pv_Resource r = { .which_of = pv_Resource_node_tag };
	struct buf bytes = { 0 };

	r.of.node.has_spec = true;
	r.of.node.spec.ttl = ttl;
	assert_int_equal(resource_encode(&r, &bytes, &f->err), 0);
	assert_int_equal(run_op(f, keyspace_op_put(key, bytes.data, bytes.len, 0)), 0);
	buf_deinit(&bytes);
}

static bool is_stored(struct fixture *f, const char *key)
{
	struct keyspace_item item = { 0 };
	bool there = keyspace_get(f->ks, key, &item, &f->err) == 0;

	keyspace_item_deinit(&item);
	return there;
}

#define turn_until(w, condition) \
	while (!(condition))     \
	uv_run(&(w)->loop, UV_RUN_ONCE)

/* Long enough in the loop's own time for whatever is due to happen. */
static void on_enough(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void let_two_ticks_pass(struct world *w)
{
	bool enough = false;
	uv_timer_t timer = { .data = &enough };

	uv_timer_init(&w->loop, &timer);
	uv_timer_start(&timer, on_enough, 620, 0);
	turn_until(w, enough);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&w->loop, UV_RUN_NOWAIT);
}

static bool keep(struct world *w, const char *key)
{
	int64_t ttl;

	return presence_keep(w->presence, key, &ttl);
}

static void a_silent_host_goes_and_one_that_speaks_stays(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *events;
	struct world w;

	store(f, WEB, TTL);
	store(f, DB, TTL);
	events = watch(f, "/nodes/", 0);
	world_open(&w, f);
	let_two_ticks_pass(&w); /* it leads now */
	clock_fake_advance(&f->clock, TTL - 1);
	assert_true(keep(&w, WEB));
	clock_fake_advance(&f->clock, 1);
	turn_until(&w, !is_stored(f, DB));
	assert_true(is_stored(f, WEB));
	assert_event(f, events, KEYSPACE_EVENT_DELETE, DB, "");
	assert_no_event(f, events); /* to speak up is no write */
	assert_false(keep(&w, DB));
	keyspace_watch_close(events);
	world_close(&w);
}

/* Stores a session as its node puts it. */
static void store_session(struct fixture *f, const char *id, const char *node, int64_t ended)
{
	pv_Resource r = { .which_of = pv_Resource_session_tag };
	struct buf bytes = { 0 };
	char key[RESOURCE_KEY_SIZE];

	r.of.session.has_metadata = r.of.session.has_spec = true;
	r.of.session.metadata.name = (char *)(uintptr_t)id;
	r.of.session.spec.node_id = (char *)(uintptr_t)strrchr(node, '/') + 1;
	r.of.session.spec.user = r.of.session.spec.login = (char *)(uintptr_t) "alice";
	r.of.session.spec.started = START_MS;
	r.of.session.spec.ended = ended;
	snprintf(key, sizeof(key), "/sessions/%s", id);
	assert_int_equal(resource_encode(&r, &bytes, &f->err), 0);
	assert_int_equal(run_op(f, keyspace_op_put(key, bytes.data, bytes.len, 0)), 0);
	buf_deinit(&bytes);
}

static int64_t session_ended(struct fixture *f, const char *id)
{
	pv_Resource r = pv_Resource_init_zero;
	struct keyspace_item item;
	char key[RESOURCE_KEY_SIZE];
	int64_t ended;

	snprintf(key, sizeof(key), "/sessions/%s", id);
	assert_int_equal(keyspace_get(f->ks, key, &item, &f->err), 0);
	assert_int_equal(resource_decode(&r, item.value, item.len, &f->err), 0);
	ended = r.of.session.spec.ended;
	resource_deinit(&r);
	keyspace_item_deinit(&item);
	return ended;
}

#define SESSION(n) "00000000-0000-4000-8000-00000000000" #n

static void sessions_end_with_their_nodes_lease(void **state)
{
	struct fixture *f = *state;
	struct world w;

	store(f, WEB, TTL);
	store(f, DB, TTL);
	store_session(f, SESSION(1), WEB, 0);
	store_session(f, SESSION(2), DB, 0);
	store_session(f, SESSION(3), DB, START_MS + 7);
	store_session(f, SESSION(4), "/nodes/8d1f2a1e-58e5-4b7a-9b0e-2f3a55b0d1f2", 0);
	world_open(&w, f);
	turn_until(&w, session_ended(f, SESSION(4)) != 0); /* its node went before we came */
	assert_int_equal(session_ended(f, SESSION(2)), 0);
	clock_fake_advance(&f->clock, TTL - 1);
	assert_true(keep(&w, WEB));
	clock_fake_advance(&f->clock, 1);
	turn_until(&w, session_ended(f, SESSION(2)) != 0);
	assert_int_equal(session_ended(f, SESSION(2)), f->clock.wall);
	assert_int_equal(session_ended(f, SESSION(3)), START_MS + 7);
	assert_int_equal(session_ended(f, SESSION(1)), 0);
	world_close(&w);
}

static void records_are_followed_as_they_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct world w;

	world_open(&w, f);
	assert_false(keep(&w, WEB));
	store(f, WEB, TTL);
	turn_until(&w, presence_has(w.presence, WEB));
	assert_true(keep(&w, WEB));
	assert_int_equal(presence_count(w.presence), 1);
	run_op(f, keyspace_op_delete(WEB));
	turn_until(&w, !presence_has(w.presence, WEB));
	assert_false(keep(&w, WEB));
	world_close(&w);
}

static void leases_begin_afresh_with_a_start(void **state)
{
	struct fixture *f = *state;
	struct world w;

	store(f, WEB, TTL);
	clock_fake_advance(&f->clock, 100 * TTL);
	world_open(&w, f);
	let_two_ticks_pass(&w);
	clock_fake_advance(&f->clock, TTL - 1);
	let_two_ticks_pass(&w);
	assert_true(is_stored(f, WEB));
	clock_fake_advance(&f->clock, 1);
	turn_until(&w, !is_stored(f, WEB));
	world_close(&w);
}

/* What expires by itself was written by an authd that knew no leases. */
static void a_record_that_expires_by_itself_has_to_be_announced(void **state)
{
	struct fixture *f = *state;
	struct world w;

	put_for(f, WEB, "", 3 * TTL);
	world_open(&w, f);
	assert_false(keep(&w, WEB));
	world_close(&w);
}

/* As another authd does, which holds the lock of the keyspace's leader. */
static int lead_instead(struct fixture *f)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[128];
	int fd;

	keyspace_close(f->ks);
	snprintf(path, sizeof(path), "%s/peers", f->store);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	fixture_open(f);
	return fd;
}

static void who_does_not_lead_tells_what_it_hears_and_ends_nothing(void **state)
{
	struct fixture *f = *state;
	struct keyspace_watch *events;
	struct world w;
	int lock;

	store(f, WEB, TTL);
	lock = lead_instead(f);
	world_open(&w, f);
	events = watch(f, "/nodes/", 0);
	for (int i = 0; i < 10; i++)
		assert_true(keep(&w, WEB)); /* the other one has heard of it just now */
	clock_fake_advance(&f->clock, TTL / 2);
	for (int i = 0; i < 10; i++)
		assert_true(keep(&w, WEB));
	assert_int_equal(next_event(f, events)->type, KEYSPACE_EVENT_PUT);
	assert_no_event(f, events);
	clock_fake_advance(&f->clock, 10 * TTL);
	let_two_ticks_pass(&w);
	assert_true(is_stored(f, WEB));

	close(lock); /* the other one has ended: every lease begins afresh */
	let_two_ticks_pass(&w);
	clock_fake_advance(&f->clock, TTL - 1);
	let_two_ticks_pass(&w);
	assert_true(is_stored(f, WEB));
	clock_fake_advance(&f->clock, 1);
	turn_until(&w, !is_stored(f, WEB));
	keyspace_watch_close(events);
	world_close(&w);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_silent_host_goes_and_one_that_speaks_stays),
		CASE(sessions_end_with_their_nodes_lease),
		CASE(records_are_followed_as_they_come_and_go),
		CASE(leases_begin_afresh_with_a_start),
		CASE(a_record_that_expires_by_itself_has_to_be_announced),
		CASE(who_does_not_lead_tells_what_it_hears_and_ends_nothing),
	};

	return unit_run(tests);
}

/*
 * Replicas that are cut off at random while two processes change the keyspace at random, in every
 * way there is: in the end all of them hold what the keyspace holds.
 */
#include "store/keyspace.h"

#include "tests/unit/keyspace_peer.h"

#include "base/rand.h"

#define KEYS     20
#define REPLICAS 3
#define ROUNDS   120

/* --- a replica ------------------------------------------------------------------------------- */

struct copy {
	char value[8];
	uint64_t revision; /* 0 = absent */
	int64_t expires;
};

struct replica {
	struct copy copies[KEYS];
	uint64_t revision;
	struct keyspace_watch *watch; /* NULL: cut off */
};

static int store_copy(void *arg, const struct keyspace_item *item)
{
	struct replica *r = arg;
	struct copy *c = &r->copies[atoi(item->key + strlen("/key/"))];

	*c = (struct copy){ .revision = item->revision, .expires = item->expires };
	memcpy(c->value, item->value, item->len);
	return 0;
}

static void remove_copy(struct replica *r, const struct keyspace_item *item)
{
	r->copies[atoi(item->key + strlen("/key/"))] = (struct copy){ 0 };
}

static void take_snapshot(struct fixture *f, struct replica *r)
{
	struct keyspace_query keys = { .prefix = "/key/" };

	memset(r->copies, 0, sizeof(r->copies));
	assert_int_equal(keyspace_each(f->ks, &keys, store_copy, r, &r->revision, &f->err), 0);
}

static void connect_replica(struct fixture *f, struct replica *r)
{
	static const char *const prefix[] = { "/key/" };
	struct keyspace_watch_options o = {
		.prefixes = prefix, .prefix_count = 1, .after = r->revision, .queue = 8
	};

	while (keyspace_watch_open(f->ks, &o, &r->watch, &f->err) != 0) {
		assert_int_equal(f->err.code, ERR_CONFLICT); /* compacted: a snapshot helps */
		take_snapshot(f, r);
		o.after = r->revision;
	}
}

static void cut_off(struct replica *r)
{
	keyspace_watch_close(r->watch);
	r->watch = NULL;
}

/* Takes what waits; a watch that has ended is opened anew behind what was taken. */
static void follow(struct fixture *f, struct replica *r)
{
	const struct keyspace_event *event;

	if (r->watch == NULL)
		connect_replica(f, r);
	for (;;) {
		if (keyspace_watch_next(r->watch, &event, &f->err) != 0) {
			cut_off(r);
			connect_replica(f, r);
			continue;
		}
		if (event == NULL)
			return;
		if (event->type == KEYSPACE_EVENT_PUT)
			store_copy(r, &event->item);
		else if (event->type == KEYSPACE_EVENT_DELETE)
			remove_copy(r, &event->item);
		r->revision = keyspace_watch_revision(r->watch);
	}
}

static void live_on(struct fixture *f, struct replica *r)
{
	if (rand_below(10) == 0)
		cut_off(r);
	if (rand_below(3) == 0)
		follow(f, r);
}

/* --- changes --------------------------------------------------------------------------------- */

struct change {
	char key[16];
	char value[8];
	struct keyspace_item now; /* what is there, as it was read a moment ago; or nothing */
	int64_t expires;
};

static struct keyspace_op op_put(const struct change *c)
{
	return keyspace_op_put(c->key, c->value, strlen(c->value), 0);
}

static struct keyspace_op op_lease(const struct change *c)
{
	return keyspace_op_put(c->key, c->value, strlen(c->value), c->expires);
}

static struct keyspace_op op_create(const struct change *c)
{
	return keyspace_op_create(c->key, c->value, strlen(c->value), c->expires);
}

static struct keyspace_op op_extend(const struct change *c)
{
	return keyspace_op_extend(c->key, c->expires);
}

static struct keyspace_op op_swap(const struct change *c)
{
	return keyspace_op_swap(c->key, c->now.value, c->now.len, c->value, strlen(c->value), 0);
}

static struct keyspace_op op_update_at(const struct change *c)
{
	return keyspace_op_update_at(c->key, c->now.revision, c->value, strlen(c->value),
	                             c->now.expires);
}

static struct keyspace_op op_delete(const struct change *c)
{
	return keyspace_op_delete(c->key);
}

static struct keyspace_op op_delete_at(const struct change *c)
{
	return keyspace_op_delete_at(c->key, c->now.revision);
}

static struct keyspace_op op_delete_range(const struct change *c)
{
	(void)c;
	return keyspace_op_delete_range("/key/1", NULL);
}

static struct keyspace_op (*const kinds[])(const struct change *c) = {
	op_put,  op_lease,     op_create, op_extend,    op_swap,
	op_swap, op_update_at, op_delete, op_delete_at, op_delete_range,
};

static void change_init(struct fixture *f, struct change *c)
{
	*c = (struct change){ .expires = f->clock.wall + 1 + rand_below(50) };
	snprintf(c->key, sizeof(c->key), "/key/%u", rand_below(KEYS));
	snprintf(c->value, sizeof(c->value), "%u", rand_below(1000000));
	if (keyspace_get(f->ks, c->key, &c->now, &f->err) != 0)
		c->now = (struct keyspace_item){ 0 };
}

/* One write of one to three operations, which conditions may refuse. */
static void change_something(struct fixture *f)
{
	size_t count = 1 + rand_below(3);
	struct change changes[3];
	struct keyspace_op ops[3];
	int rc;

	for (size_t i = 0; i < count; i++) {
		change_init(f, &changes[i]);
		ops[i] = kinds[rand_below(sizeof(kinds) / sizeof(*kinds))](&changes[i]);
	}
	rc = keyspace_write_wait(f->ks, ops, count, NULL, &f->err);
	assert_true(rc == 0 || rc == ERR_EXISTS || rc == ERR_NOT_FOUND || rc == ERR_CONFLICT ||
	            rc == ERR_INVALID /* deleted and extended at once */);
	for (size_t i = 0; i < count; i++)
		keyspace_item_deinit(&changes[i].now);
	clock_fake_advance(&f->clock, rand_below(10));
}

/* --- the end: everything that expires has expired --------------------------------------------- */

static bool is_equal(struct fixture *f, struct replica *r)
{
	struct replica truth = { 0 };

	follow(f, r);
	take_snapshot(f, &truth);
	return memcmp(r->copies, truth.copies, sizeof(r->copies)) == 0;
}

/* Until the sweeper, here or there, has deleted what expired. */
static int ends_up_equal(struct fixture *f, struct replica *r)
{
	for (int i = 0; i < 100 && !is_equal(f, r); i++) {
		struct pollfd pfd = { .fd = keyspace_fd(f->ks), .events = POLLIN };

		poll(&pfd, 1, 100);
		keyspace_dispatch(f->ks);
	}
	return is_equal(f, r);
}

/* --- the other process, with a replica of its own --------------------------------------------- */

static struct replica theirs;

static int peer_change(struct fixture *f, const struct peer_order *order)
{
	for (int64_t i = 0; i < order->ms; i++) {
		change_something(f);
		live_on(f, &theirs);
	}
	return 0;
}

static int peer_end(struct fixture *f, const struct peer_order *order)
{
	int equal;

	clock_fake_advance(&f->clock, order->ms);
	equal = ends_up_equal(f, &theirs);
	cut_off(&theirs);
	return equal;
}

static void replicas_that_are_cut_off_at_random_end_up_equal(void **state)
{
	struct fixture *f = *state;
	struct replica ours[REPLICAS] = { 0 };
	struct peer p;

	f->options.log_events = 30;
	p = peer_start(f);
	for (int i = 0; i < ROUNDS; i++) {
		peer_send(&p, peer_change, "", "", rand_below(5));
		change_something(f);
		for (size_t r = 0; r < REPLICAS; r++)
			live_on(f, &ours[r]);
		assert_int_equal(peer_wait(&p), 0);
	}
	clock_fake_advance(&f->clock, 60000);
	assert_int_equal(peer_do(&p, peer_end, "", "", 60000), true);
	for (size_t r = 0; r < REPLICAS; r++) {
		assert_true(ends_up_equal(f, &ours[r]));
		cut_off(&ours[r]);
	}
	peer_kill(&p);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(replicas_that_are_cut_off_at_random_end_up_equal),
	};

	return unit_run(tests);
}

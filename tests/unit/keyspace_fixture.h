/*
 * keyspace_fixture - an open keyspace in a folder of its own, with a clock that tests move.
 *
 * LMDB's, unless the suite (keyspace_suite.h) runs with another implementation.
 */
#ifndef TESTS_UNIT_KEYSPACE_FIXTURE_H
#define TESTS_UNIT_KEYSPACE_FIXTURE_H

#include "base/clock.h"
#include "base/err.h"
#include "store/keyspace.h"
#include "store/keyspace_lmdb.h"

#include "tests/unit/unit.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define START_MS 1700000000000

struct fixture {
	struct clock_fake clock;
	struct keyspace_lmdb_options options;
	/* Opens what is in the options' folder; NULL: keyspace_lmdb_open(). */
	int (*open)(struct fixture *f, struct keyspace **out_ks, struct err *err);
	struct keyspace *ks;
	char dir[64];
	char store[80];
	struct err err;
};

static inline void fixture_open(struct fixture *f)
{
	int rc = f->open != NULL ? f->open(f, &f->ks, &f->err)
	                         : keyspace_lmdb_open(&f->options, &f->ks, &f->err);

	if (rc != 0)
		fail_msg("%s", f->err.msg);
}

/* Shared with processes that are forked: one clock for all. */
static inline int fixture_setup_with(void **state,
                                     int (*open)(struct fixture *f, struct keyspace **out_ks,
                                                 struct err *err))
{
	struct fixture *f =
	        mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(f, MAP_FAILED);
	f->open = open;
	clock_fake_init(&f->clock, START_MS);
	snprintf(f->dir, sizeof(f->dir), "/tmp/postern-test-keyspace.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->store, sizeof(f->store), "%s/store", f->dir);
	f->options = (struct keyspace_lmdb_options){ .dir = f->store, .clock = &f->clock.clock };
	fixture_open(f);
	*state = f;
	return 0;
}

static inline int fixture_setup(void **state)
{
	return fixture_setup_with(state, NULL);
}

/* What data.mdb then says is all there is. */
static inline void fixture_forget_journal(const struct fixture *f)
{
	char path[128];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/journal.%d", f->store, i);
		unlink(path);
	}
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];

	keyspace_close(f->ks);
	snprintf(path, sizeof(path), "%s/data.mdb", f->store);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", f->store);
	unlink(path);
	snprintf(path, sizeof(path), "%s/peers", f->store);
	unlink(path);
	fixture_forget_journal(f);
	rmdir(f->store);
	assert_int_equal(rmdir(f->dir), 0);
	munmap(f, sizeof(*f));
	return 0;
}

/* Waits for one operation; its code. */
static inline int run_op(struct fixture *f, struct keyspace_op op)
{
	return keyspace_write_wait(f->ks, &op, 1, NULL, &f->err);
}

static inline int put(struct fixture *f, const char *key, const char *value)
{
	return run_op(f, keyspace_op_put(key, value, strlen(value), 0));
}

static inline int create(struct fixture *f, const char *key, const char *value)
{
	return run_op(f, keyspace_op_create(key, value, strlen(value), 0));
}

static inline int put_for(struct fixture *f, const char *key, const char *value, int64_t ms)
{
	return run_op(f, keyspace_op_put(key, value, strlen(value), f->clock.wall + ms));
}

/* Asserts what is stored; NULL = nothing. */
static inline void assert_value(struct fixture *f, const char *key, const char *value)
{
	struct keyspace_item item;
	int rc = keyspace_get(f->ks, key, &item, &f->err);

	if (value == NULL) {
		assert_int_equal(rc, ERR_NOT_FOUND);
		return;
	}
	assert_int_equal(rc, 0);
	assert_string_equal(item.key, key);
	assert_int_equal(item.len, strlen(value));
	assert_memory_equal(item.value, value, item.len);
	keyspace_item_deinit(&item);
}

static inline int append_key(void *arg, const struct keyspace_item *item)
{
	char *text = arg;

	snprintf(text + strlen(text), 1024 - strlen(text), "%s ", item->key);
	return 0;
}

/* Asserts which keys a walk visits, each with a space behind it. */
static inline void assert_keys(struct fixture *f, struct keyspace_query q, const char *keys)
{
	char text[1024] = "";

	assert_int_equal(keyspace_each(f->ks, &q, append_key, text, NULL, &f->err), 0);
	assert_string_equal(text, keys);
}

/* The next event of a watch, waiting up to five seconds for it. */
static inline const struct keyspace_event *next_event(struct fixture *f, struct keyspace_watch *w)
{
	const struct keyspace_event *event = NULL;

	for (int i = 0; i < 50 && event == NULL; i++) {
		struct pollfd pfd = { .fd = keyspace_fd(f->ks), .events = POLLIN };

		assert_int_equal(keyspace_watch_next(w, &event, &f->err), 0);
		if (event != NULL)
			break;
		poll(&pfd, 1, 100);
		keyspace_dispatch(f->ks);
	}
	assert_non_null(event);
	return event;
}

static inline void assert_event(struct fixture *f, struct keyspace_watch *w,
                                enum keyspace_event_type type, const char *key, const char *value)
{
	const struct keyspace_event *event = next_event(f, w);

	assert_int_equal(event->type, type);
	assert_string_equal(event->item.key, key);
	assert_string_equal((const char *)event->item.value, value);
}

static inline void assert_no_event(struct fixture *f, struct keyspace_watch *w)
{
	const struct keyspace_event *event;

	keyspace_dispatch(f->ks);
	assert_int_equal(keyspace_watch_next(w, &event, &f->err), 0);
	assert_null(event);
}

/* A watch behind `after`, its INIT already read. */
static inline struct keyspace_watch *watch(struct fixture *f, const char *prefix, uint64_t after)
{
	struct keyspace_watch_options o = { .prefixes = &prefix,
		                            .prefix_count = prefix != NULL,
		                            .after = after };
	struct keyspace_watch *w;

	assert_int_equal(keyspace_watch_open(f->ks, &o, &w, &f->err), 0);
	assert_event(f, w, KEYSPACE_EVENT_INIT, "", "");
	return w;
}

#endif

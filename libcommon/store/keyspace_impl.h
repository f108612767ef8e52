/*
 * keyspace_impl - what stands behind a keyspace: for those who implement one, and for keyspace.c.
 *
 * An implementation embeds struct keyspace, and struct keyspace_watch in its watches, sets `impl`
 * and hands their addresses out. Each function keeps the contract of the one in keyspace.h that
 * has its name; keyspace.c has checked keys, values and operations before it calls.
 * tests/unit/keyspace_suite.h shows whether an implementation does what it must.
 */
#ifndef STORE_KEYSPACE_IMPL_H
#define STORE_KEYSPACE_IMPL_H

#include "store/keyspace.h"

struct keyspace_impl {
	void (*close)(struct keyspace *ks);
	int (*fd)(const struct keyspace *ks);
	void (*dispatch)(struct keyspace *ks);
	bool (*is_broken)(const struct keyspace *ks);
	bool (*leads)(const struct keyspace *ks);
	uint64_t (*revision)(const struct keyspace *ks);
	int (*get)(struct keyspace *ks, const char *key, struct keyspace_item *out_item,
	           struct err *err);
	int (*each)(struct keyspace *ks, const struct keyspace_query *query, keyspace_item_fn fn,
	            void *arg, uint64_t *out_revision, struct err *err);
	int (*write)(struct keyspace *ks, const struct keyspace_op *ops, size_t count,
	             keyspace_done_cb done, void *arg, struct err *err);
	int (*watch_open)(struct keyspace *ks, const struct keyspace_watch_options *options,
	                  struct keyspace_watch **out_watch, struct err *err);
};

/* A watch outlives its keyspace, until its holder closes it. */
struct keyspace_watch_impl {
	int (*next)(struct keyspace_watch *watch, const struct keyspace_event **out_event,
	            struct err *err);
	uint64_t (*revision)(const struct keyspace_watch *watch);
	int (*check)(const struct keyspace_watch *watch, struct err *err);
	void (*close)(struct keyspace_watch *watch);
};

struct keyspace {
	const struct keyspace_impl *impl;
};

struct keyspace_watch {
	const struct keyspace_watch_impl *impl;
};

#endif

/*
 * change - resources that are put or deleted as one write to the keyspace, companions included:
 * all of them or none; then an audit event for each, then the answer. It goes on when the client
 * is gone.
 *
 *   change_new --> an item for each resource is prepared --> change_start --> answer
 *
 * An item without an operation of its own is one that is so already.
 */
#ifndef AUTHD_RESOURCES_CHANGE_H
#define AUTHD_RESOURCES_CHANGE_H

#include "authd/core/companions.h"
#include "authd/core/pending.h"

#include "base/buf.h"
#include "model/identity.h"
#include "model/resource.h"
#include "store/keyspace.h"

#include <stdbool.h>
#include <stddef.h>

struct authd;
struct change;
struct err;
struct rpc_call;

enum change_outcome { CHANGE_CREATED, CHANGE_UPDATED, CHANGE_UNCHANGED, CHANGE_DELETED };

struct change_item {
	const struct resource_kind *kind;
	enum change_outcome outcome;
	pv_Resource resource; /* as it will be; empty when it is deleted */
	char *name;
	char key[RESOURCE_KEY_SIZE];
	struct keyspace_op op; /* unless it is unchanged */
	struct companions companions;
	struct buf bytes;
	pv_TrustedCluster *trust; /* a new one, whose root must be asked first; with its token */
};

/* Answers with the items as they are now, or with err unless it is NULL. */
typedef void (*change_answer)(struct change *c, const struct err *err);

struct change {
	struct pending pending;
	struct authd *authd;
	struct change_item *items;
	size_t count;
	change_answer answer;
	char user[PEER_NAME_SIZE]; /* who asked, for the audit events */
	char addr[sizeof(((struct peer *)NULL)->addr)];
};

/* NULL and err when memory runs out. The items are zero. */
struct change *change_new(struct rpc_call *call, size_t count, change_answer answer,
                          struct err *err);
void change_free(struct change *c);

/* Takes the change over on success; answers, now or later. On failure the call is not answered
 * and the change still the caller's. ERR_LIMIT: more operations than one write holds. */
int change_start(struct change *c, struct rpc_call *call, struct err *err);

/* For a change whose call is pending already: writes. On failure the call is not answered and the
 * change still the caller's. */
int change_write(struct change *c, struct err *err);

/* The audit event of an item that was written. */
void change_report(const struct change *c, const struct change_item *item);

/* ERR_INVALID "no such kind 'rol'". */
int change_find_kind(const char *name, const struct resource_kind **out, struct err *err);

/* Hosts have calls of their own for what they may write; here they only take their own leave:
 * ERR_DENIED for all but the deletion of the record of that name. */
int change_check_host(const struct rpc_call *call, const char *deleted, struct err *err);

#endif

#include "authd/resources/change.h"

#include "authd/access/caller.h"
#include "authd/access/changes.h"
#include "authd/core/authd.h"

#include "base/err.h"
#include "base/str.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/cluster.fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change *change_new(struct rpc_call *call, size_t count, change_answer answer,
                          struct err *err)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->items = calloc(count > 0 ? count : 1, sizeof(*c->items));
	if (c == NULL || c->items == NULL) {
		free(c);
		err_set_nomem(err);
		return NULL;
	}
	c->authd = authd_of(call);
	c->count = count;
	c->answer = answer;
	peer_name(caller_of(call), c->user, sizeof(c->user));
	str_copy(c->addr, sizeof(c->addr), caller_of(call)->addr);
	return c;
}

void change_free(struct change *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++) {
		resource_deinit(&c->items[i].resource);
		companions_deinit(&c->items[i].companions);
		buf_wipe(&c->items[i].bytes);
		free(c->items[i].name);
		if (c->items[i].trust != NULL)
			fields_release(&pv_TrustedCluster_table, c->items[i].trust);
		free(c->items[i].trust);
	}
	free(c->items);
	free(c);
}

int change_find_kind(const char *name, const struct resource_kind **out, struct err *err)
{
	*out = resource_kind_find(name != NULL ? name : "");
	if (*out != NULL)
		return 0;
	return err_set(err, ERR_INVALID, "no such kind '%s'", name != NULL ? name : "");
}

int change_check_host(const struct rpc_call *call, const char *deleted, struct err *err)
{
	const struct peer *peer = caller_of(call);

	if (peer->kind != PEER_REMOTE &&
	    (peer->kind != PEER_HOST || str_eq(deleted, peer->identity.host_id)))
		return 0;
	return err_set(err, ERR_DENIED, "host '%s' may not change the resources of others",
	               peer->identity.host_id);
}

/* --- after the write ------------------------------------------------------------------------- */

/* The item that a failed condition speaks of, by its key in quotes. */
static const struct change_item *find_failed(const struct change *c, const char *msg)
{
	for (size_t i = 0; i < c->count; i++) {
		const char *at = strstr(msg, c->items[i].key);

		if (at != NULL && at > msg && at[-1] == '\'' && at[strlen(c->items[i].key)] == '\'')
			return &c->items[i];
	}
	return &c->items[0];
}

/* What the client knows it by, instead of its key. */
static void say_what(const struct change *c, const struct err *from, struct err *out)
{
	static const struct {
		int code;
		const char *what;
	} sentences[] = {
		{ ERR_EXISTS, "already exists" },
		{ ERR_NOT_FOUND, "does not exist" },
		{ ERR_CONFLICT, "has changed meanwhile" },
	};
	const struct change_item *item = find_failed(c, from->msg);

	err_copy(out, from);
	for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
		if (from->code == sentences[i].code)
			err_set(out, from->code, "%s '%s' %s", item->kind->name, item->name,
			        sentences[i].what);
}

static int set_revision(struct change_item *item, uint64_t revision, struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, revision);
	return fields_set_str(&resource_metadata(&item->resource)->revision, text, err);
}

static int finish_item(struct change *c, struct change_item *item, uint64_t revision,
                       struct err *err)
{
	if (item->outcome == CHANGE_UNCHANGED)
		return 0;
	change_report(c, item);
	if (item->outcome != CHANGE_DELETED)
		return set_revision(item, revision, err);
	if (resource_kind_is_host(item->kind))
		changes_host_removed(c->authd->changes, item->name);
	return 0;
}

static void on_written(void *arg, uint64_t revision, const struct err *err)
{
	struct change *c = arg;
	struct err failure = { 0 };

	if (err != NULL)
		say_what(c, err, &failure);
	for (size_t i = 0; err == NULL && i < c->count; i++)
		finish_item(c, &c->items[i], revision, &failure);
	c->answer(c, failure.code != 0 ? &failure : NULL);
	change_free(c);
}

/* --- the write ------------------------------------------------------------------------------- */

static int add_ops(const struct change_item *item, struct keyspace_op *ops, size_t *count,
                   struct err *err)
{
	if (item->outcome == CHANGE_UNCHANGED)
		return 0;
	if (*count + 1 + item->companions.count > KEYSPACE_OPS_MAX)
		return err_set(err, ERR_LIMIT, "more changes than one write holds (%d)",
		               KEYSPACE_OPS_MAX);
	ops[(*count)++] = item->op;
	for (size_t i = 0; i < item->companions.count; i++)
		ops[(*count)++] = item->companions.ops[i];
	return 0;
}

/* *out_any: there is something to write, and on_written() comes later. */
static int submit(struct change *c, bool *out_any, struct err *err)
{
	struct keyspace_op ops[KEYSPACE_OPS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		if (add_ops(&c->items[i], ops, &count, err) != 0)
			return err->code;
	*out_any = count > 0;
	return count > 0 ? keyspace_write(c->authd->keyspace, ops, count, on_written, c, err) : 0;
}

int change_write(struct change *c, struct err *err)
{
	bool any;

	if (submit(c, &any, err) != 0)
		return err->code;
	if (!any)
		on_written(c, 0, NULL);
	return 0;
}

int change_start(struct change *c, struct rpc_call *call, struct err *err)
{
	bool any;

	if (submit(c, &any, err) != 0)
		return err->code;
	pending_begin(&c->pending, call);
	if (!any)
		on_written(c, 0, NULL);
	return 0;
}

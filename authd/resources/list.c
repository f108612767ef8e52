/*
 * list - pages of resources: what the caller may see, by labels and words, in the order of keys.
 *
 *   request --> pieces of a few milliseconds, in turn with other lists and whatever else there is
 *           --> the page is full, the keys are at an end, or its work is enough for one call
 *
 * So a page may have fewer resources than asked for, even none, while more follow: the next call
 * goes on behind the last key that was looked at. Of nodes that are not for the caller no more than
 * hostname and labels are read (model/glance.h).
 */
#include "authd/access/access.h"
#include "authd/access/caller.h"
#include "authd/access/visible.h"
#include "authd/core/authd.h"
#include "authd/core/resource_secrets.h"
#include "authd/core/resource_store.h"
#include "authd/resources/calls.h"
#include "authd/resources/filter.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/shifts.h"
#include "model/glance.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_DEFAULT   500
#define PAGE_MAX       1000
#define PAGE_BYTES_MAX (1024 * 1024)             /* of stored values, far below a message's bound */
#define WORK_NS        (100 * UINT64_C(1000000)) /* that a call may take in all */
#define LISTS_AT_ONCE  8                         /* of one connection */

/* A call on its way. */
struct list_call {
	struct shift shift;
	struct rpc_call *call;
	struct authd *authd;
	struct visible visible;
	uintptr_t generation; /* of the roles that visible was made from */
	struct filter filter;
	struct glance glance;
	pv_ListResourcesResponse page;
	size_t want;
	size_t bytes;
	uint64_t worked; /* ns */
	char prefix[RESOURCE_KEY_SIZE];
	char last[KEYSPACE_KEY_MAX + 1]; /* the last key that was looked at; "" = none */
	struct err err;
};

enum { PIECE_OVER = 1, PAGE_FULL };

static struct caller *caller_data(const struct list_call *l)
{
	return rpc_conn_data(rpc_call_conn(l->call));
}

static void list_free(struct list_call *l)
{
	fields_release(&pv_ListResourcesResponse_table, &l->page);
	filter_deinit(&l->filter);
	glance_deinit(&l->glance);
	free(l);
}

/* --- one resource ---------------------------------------------------------------------------- */

static bool is_host_record(const struct list_call *l)
{
	return l->visible.kind->tag == pv_Resource_node_tag ||
	       l->visible.kind->tag == pv_Resource_proxy_tag;
}

/* False: surely not wanted. What it cannot tell here, is_wanted() does. */
static bool may_be_wanted(struct list_call *l, const struct keyspace_item *item)
{
	struct glance *g = &l->glance;
	struct err ignored;

	if (!filter_may_take(&l->filter, item->value, item->len))
		return false;
	if (!is_host_record(l) || (l->visible.all && l->filter.label_count == 0) ||
	    glance_at_node(g, item->value, item->len, &ignored) != 0)
		return true;
	return visible_node(&l->visible, g->hostname, &g->labels) &&
	       filter_takes_labels(&l->filter, &g->labels);
}

static bool is_wanted(struct list_call *l, pv_Resource *r)
{
	return visible_check(&l->visible, r) && filter_takes(&l->filter, r);
}

static int add_resource(struct list_call *l, pv_Resource *take_r)
{
	pv_Resource *place =
	        fields_add(&l->page.resources, &l->page.resources_count, sizeof(*place), &l->err);

	if (place == NULL) {
		resource_deinit(take_r);
		return -1;
	}
	*place = *take_r;
	return 0;
}

static int take(struct list_call *l, const struct keyspace_item *item)
{
	const pv_ListResourcesRequest *request = rpc_call_request(l->call);
	pv_Resource r = pv_Resource_init_zero;

	if (resource_of_item(item, &r, &l->err) != 0) {
		log_error("resource not readable", kv("key", item->key), kv("error", l->err.msg));
		return l->err.code == ERR_CORRUPT ? 0 : -1;
	}
	if (!is_wanted(l, &r)) {
		resource_deinit(&r);
		return 0;
	}
	if (request->with_secrets && resource_secrets_add(l->authd, &r, &l->err) != 0) {
		resource_deinit(&r);
		return -1;
	}
	l->bytes += item->len;
	return add_resource(l, &r);
}

static int look_at(void *arg, const struct keyspace_item *item)
{
	struct list_call *l = arg;

	if (l->page.resources_count >= l->want || l->bytes >= PAGE_BYTES_MAX)
		return PAGE_FULL;
	if (shift_is_over(&l->shift))
		return PIECE_OVER;
	str_copy(l->last, sizeof(l->last), item->key);
	return may_be_wanted(l, item) ? take(l, item) : 0;
}

/* --- a page, piece by piece ------------------------------------------------------------------ */

/* Goes on behind the last key: 0 when the keys are at an end. */
static int walk(struct list_call *l, struct err *err)
{
	const struct keyspace_query query = {
		.prefix = l->prefix,
		.after = l->last[0] != 0 ? l->last : NULL,
	};
	int rc = keyspace_each(l->authd->keyspace, &query, look_at, l, NULL, err);

	l->worked += shift_elapsed(&l->shift);
	if (rc == PIECE_OVER && l->worked >= WORK_NS && l->last[0] != 0)
		rc = PAGE_FULL;
	if (rc == PAGE_FULL)
		return fields_set_str(&l->page.next_page, l->last + strlen(l->prefix), err);
	return rc == -1 ? err_copy(err, &l->err) : rc;
}

/* Roles may change between two pieces. */
static int refresh_visible(struct list_call *l, struct err *err)
{
	const pv_ListResourcesRequest *request = rpc_call_request(l->call);
	uintptr_t generation = access_generation(l->authd, caller_of(l->call));

	if (l->generation == generation)
		return 0;
	l->generation = generation;
	return visible_begin(&l->visible, l->call, l->visible.kind, request->with_secrets, true,
	                     err);
}

static bool on_piece(struct shift *s)
{
	struct list_call *l = container_of(s, struct list_call, shift);
	struct err err;
	int rc = refresh_visible(l, &err);

	if (rc == 0)
		rc = walk(l, &err);
	if (rc == PIECE_OVER)
		return true;
	caller_data(l)->lists--;
	if (rc == 0)
		rpc_call_reply(l->call, &l->page);
	else
		rpc_call_fail(l->call, &err);
	list_free(l);
	return false;
}

static void on_canceled(struct rpc_call *call)
{
	struct list_call *l = rpc_call_data(call);

	caller_data(l)->lists--;
	shift_cancel(&l->shift);
	list_free(l);
}

/* --- the call -------------------------------------------------------------------------------- */

/* The keys to walk: those of the kind, or of its sub kind, behind the page before. */
static int set_range(struct list_call *l, const pv_ListResourcesRequest *request, struct err *err)
{
	bool within = l->visible.kind->sub_kinds && !str_empty(request->sub_kind);
	struct buf text = { 0 };
	int rc = 0;

	buf_append_str(&text, l->visible.kind->prefix);
	if (within)
		buf_appendf(&text, "%s/", request->sub_kind);
	if (str_copy(l->prefix, sizeof(l->prefix), buf_str(&text)) != 0)
		rc = err_set(err, ERR_INVALID, "sub_kind is too long");
	if (rc == 0 && !str_empty(request->page_start)) {
		buf_append_str(&text, request->page_start);
		if (str_copy(l->last, sizeof(l->last), buf_str(&text)) != 0)
			rc = err_set(err, ERR_INVALID, "page_start is no page's start");
	}
	buf_deinit(&text);
	return rc;
}

static size_t page_size(int32_t asked)
{
	if (asked <= 0)
		return PAGE_DEFAULT;
	return asked < PAGE_MAX ? (size_t)asked : PAGE_MAX;
}

static int start(struct list_call *l, const pv_ListResourcesRequest *request, struct err *err)
{
	const struct resource_kind *kind =
	        resource_kind_find(request->kind != NULL ? request->kind : "");

	if (kind == NULL)
		return err_set(err, ERR_INVALID, "no such kind '%s'",
		               request->kind != NULL ? request->kind : "");
	l->want = page_size(request->page_size);
	l->generation = access_generation(l->authd, caller_of(l->call));
	if (visible_begin(&l->visible, l->call, kind, request->with_secrets, true, err) != 0 ||
	    filter_init(&l->filter, request, err) != 0 || set_range(l, request, err) != 0)
		return err->code;
	if (caller_data(l)->lists >= LISTS_AT_ONCE)
		return err_set(err, ERR_LIMIT, "%d lists at once on one connection", LISTS_AT_ONCE);
	return shift_start(l->authd->lists, &l->shift, on_piece, err);
}

void handle_list_resources(struct rpc_call *call)
{
	static const struct rpc_call_events events = { .canceled = on_canceled };
	struct list_call *l = calloc(1, sizeof(*l));
	struct err err;

	if (l == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	l->call = call;
	l->authd = authd_of(call);
	if (start(l, rpc_call_request(call), &err) != 0) {
		rpc_call_fail(call, &err);
		list_free(l);
		return;
	}
	caller_data(l)->lists++;
	rpc_call_set_events(call, &events, l);
}

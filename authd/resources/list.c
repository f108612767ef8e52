#include "authd/resources/list.h"

#include "authd/access/visible.h"
#include "authd/core/authd.h"
#include "authd/core/resource_secrets.h"
#include "authd/core/resource_store.h"
#include "authd/resources/calls.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "model/label_pattern.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_DEFAULT   500
#define PAGE_MAX       1000
#define PAGE_BYTES_MAX (1024 * 1024) /* of stored values, far below what a message may have */
#define BLANKS         " \t\r\n"
#define SCAN_MAX       2000 /* keys and labels looked at for a page; the loop has others to serve */

/* --- filters --------------------------------------------------------------------------------- */

/* Each is looked at for each resource, on the loop that serves everybody. */
int list_check_filters(const pv_ListResourcesRequest *request, struct err *err)
{
	if (request->labels_count > LIST_LABELS_MAX)
		return err_set(err, ERR_INVALID, "labels: more than %d", LIST_LABELS_MAX);
	if (request->search != NULL && strlen(request->search) > LIST_SEARCH_MAX)
		return err_set(err, ERR_INVALID, "search: more than %d bytes", LIST_SEARCH_MAX);
	return 0;
}

/* The labels that a resource has: a node's include the results of its commands. */
static int labels_of(pv_Resource *r, struct label **out_items, struct label_set *out,
                     struct err *err)
{
	pv_Metadata *meta = resource_metadata(r);

	if (r->which_of == pv_Resource_node_tag || r->which_of == pv_Resource_proxy_tag)
		return label_of_node(&r->of.node, out_items, out, err);
	*out_items = calloc(meta->labels_count + 1u, sizeof(**out_items));
	if (*out_items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < meta->labels_count; i++)
		(*out_items)[i] = (struct label){ meta->labels[i].key, meta->labels[i].value };
	*out = (struct label_set){ *out_items, meta->labels_count };
	return 0;
}

static bool has_label(const struct label_set *labels, const char *key, const char *pattern)
{
	const char *value = label_get(labels, key != NULL ? key : "");
	struct err ignored;
	bool match;

	return value != NULL &&
	       label_pattern_match(pattern != NULL ? pattern : "", value, &match, &ignored) == 0 &&
	       match;
}

bool list_matches_labels(pv_Resource *r, const pv_ListResourcesRequest_LabelsEntry *wanted,
                         size_t count)
{
	struct label_set labels;
	struct label *items;
	struct err ignored;
	bool all = true;

	if (count == 0)
		return true;
	if (labels_of(r, &items, &labels, &ignored) != 0)
		return false;
	for (size_t i = 0; i < count && all; i++)
		all = has_label(&labels, wanted[i].key, wanted[i].value);
	free(items);
	return all;
}

static void append_part(struct buf *text, const char *part)
{
	buf_append_str(text, part != NULL ? part : "");
	buf_append_byte(text, '\n');
}

/* Everything that a search looks at, a line each. */
static void append_text(struct buf *text, pv_Resource *r)
{
	struct label_set labels;
	struct label *items;
	struct err ignored;

	append_part(text, resource_name(r));
	append_part(text, resource_metadata(r)->description);
	if (r->which_of == pv_Resource_node_tag || r->which_of == pv_Resource_proxy_tag) {
		append_part(text, r->of.node.spec.hostname);
		append_part(text, r->of.node.spec.addr);
	}
	if (labels_of(r, &items, &labels, &ignored) != 0)
		return;
	for (size_t i = 0; i < labels.count; i++) {
		buf_appendf(text, "%s=", labels.items[i].key);
		append_part(text, labels.items[i].value);
	}
	free(items);
}

bool list_matches_search(pv_Resource *r, const char *search)
{
	struct buf text = { 0 };
	bool all = true;
	char *words;
	char *rest;

	if (str_empty(search))
		return true;
	words = strdup(search);
	append_text(&text, r);
	if (words == NULL || text.failed != 0)
		all = false;
	else
		for (char *w = strtok_r(words, BLANKS, &rest); w != NULL && all;
		     w = strtok_r(NULL, BLANKS, &rest))
			all = strcasestr(buf_str(&text), w) != NULL;
	free(words);
	buf_deinit(&text);
	return all;
}

/* --- a page ---------------------------------------------------------------------------------- */

struct page {
	const pv_ListResourcesRequest *request;
	struct visible visible;
	pv_ListResourcesResponse response;
	size_t want;
	size_t bytes;
	size_t scanned;
	char last[KEYSPACE_KEY_MAX + 1]; /* the last key that was looked at */
	struct err err;
};

enum { PAGE_FULL = 1 };

static bool is_wanted(struct page *p, pv_Resource *r)
{
	return visible_check(&p->visible, r) &&
	       list_matches_labels(r, p->request->labels, p->request->labels_count) &&
	       list_matches_search(r, p->request->search);
}

static int add_resource(struct page *p, pv_Resource *take_r)
{
	pv_Resource *place = fields_add(&p->response.resources, &p->response.resources_count,
	                                sizeof(*place), &p->err);

	if (place == NULL) {
		resource_deinit(take_r);
		return p->err.code;
	}
	*place = *take_r;
	return 0;
}

static int look_at(void *arg, const struct keyspace_item *item)
{
	struct page *p = arg;
	pv_Resource r = pv_Resource_init_zero;

	if (p->response.resources_count >= p->want || p->bytes >= PAGE_BYTES_MAX ||
	    p->scanned >= SCAN_MAX)
		return PAGE_FULL;
	p->scanned += 1u + p->request->labels_count;
	str_copy(p->last, sizeof(p->last), item->key);
	if (resource_of_item(item, &r, &p->err) != 0) {
		log_error("resource not readable", kv("key", item->key), kv("error", p->err.msg));
		return p->err.code == ERR_CORRUPT ? 0 : -1;
	}
	if (!is_wanted(p, &r)) {
		resource_deinit(&r);
		return 0;
	}
	if (p->request->with_secrets &&
	    resource_secrets_add(authd_of(p->visible.call), &r, &p->err) != 0) {
		resource_deinit(&r);
		return -1;
	}
	p->bytes += item->len;
	return add_resource(p, &r) == 0 ? 0 : -1;
}

/* The keys to walk: those of the kind, or of its sub kind, behind the page before. */
static int page_query(const struct page *p, char prefix[RESOURCE_KEY_SIZE],
                      char after[RESOURCE_KEY_SIZE], struct keyspace_query *out, struct err *err)
{
	const char *sub_kind = p->request->sub_kind;
	struct buf text = { 0 };
	int rc = 0;

	buf_append_str(&text, p->visible.kind->prefix);
	if (p->visible.kind->sub_kinds && !str_empty(sub_kind))
		buf_appendf(&text, "%s/", sub_kind);
	*out = (struct keyspace_query){ .prefix = prefix };
	if (str_copy(prefix, RESOURCE_KEY_SIZE, buf_str(&text)) != 0)
		rc = err_set(err, ERR_INVALID, "sub_kind is too long");
	if (rc == 0 && !str_empty(p->request->page_start)) {
		buf_append_str(&text, p->request->page_start);
		out->after = after;
		if (str_copy(after, RESOURCE_KEY_SIZE, buf_str(&text)) != 0)
			rc = err_set(err, ERR_INVALID, "page_start is no page's start");
	}
	buf_deinit(&text);
	return rc;
}

static int fill_page(struct authd *a, struct page *p, struct err *err)
{
	char prefix[RESOURCE_KEY_SIZE];
	char after[RESOURCE_KEY_SIZE];
	struct keyspace_query query;
	int rc;

	if (page_query(p, prefix, after, &query, err) != 0)
		return err->code;
	rc = keyspace_each(a->keyspace, &query, look_at, p, NULL, err);
	if (rc == -1)
		return err_copy(err, &p->err);
	if (rc == PAGE_FULL)
		return fields_set_str(&p->response.next_page, p->last + strlen(prefix), err);
	return rc;
}

static size_t page_size(int32_t asked)
{
	if (asked <= 0)
		return PAGE_DEFAULT;
	return asked < PAGE_MAX ? (size_t)asked : PAGE_MAX;
}

void handle_list_resources(struct rpc_call *call)
{
	const pv_ListResourcesRequest *request = rpc_call_request(call);
	const struct resource_kind *kind =
	        resource_kind_find(request->kind != NULL ? request->kind : "");
	struct page p = { .request = request, .want = page_size(request->page_size) };
	struct err err;
	int rc;

	if (kind == NULL)
		rc = err_set(&err, ERR_INVALID, "no such kind '%s'",
		             request->kind != NULL ? request->kind : "");
	else
		rc = list_check_filters(request, &err);
	if (rc == 0)
		rc = visible_begin(&p.visible, call, kind, request->with_secrets, true, &err);
	if (rc == 0)
		rc = fill_page(authd_of(call), &p, &err);
	if (rc == 0)
		rpc_call_reply(call, &p.response);
	else
		rpc_call_fail(call, &err);
	fields_release(&pv_ListResourcesResponse_table, &p.response);
}

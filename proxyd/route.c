#include "proxyd/route.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/cache.h"
#include "model/label.h"
#include "model/role.h"
#include "wire/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* From the strongest claim on a name to the weakest. */
enum rank { RANK_UUID, RANK_HOSTNAME, RANK_ADDRESS, RANK_LABEL, RANK_NONE };

struct found {
	enum rank rank;
	size_t count;
	const pv_Node *nodes[ROUTE_CANDIDATES_MAX];
};

static const char *node_id(const pv_Node *n)
{
	return n->metadata.name != NULL ? n->metadata.name : "";
}

static const char *node_hostname(const pv_Node *n)
{
	return n->spec.hostname != NULL ? n->spec.hostname : "";
}

static bool is_hostname(const pv_Node *n, const struct route_query *q)
{
	const char *hostname = node_hostname(n);
	size_t len = strlen(hostname);

	if (len == 0 || strncasecmp(q->target, hostname, len) != 0)
		return false;
	return q->target[len] == 0 ||
	       (q->target[len] == '.' && strcasecmp(q->target + len + 1, q->cluster) == 0);
}

static bool is_address(const pv_Node *n, const char *target)
{
	const char *addr = n->spec.addr != NULL ? n->spec.addr : "";
	const char *colon = strrchr(addr, ':');
	size_t len;

	if (colon == NULL)
		return false;
	if (*addr == '[' && colon > addr + 1 && colon[-1] == ']') {
		addr++;
		colon--;
	}
	len = (size_t)(colon - addr);
	return strlen(target) == len && strncasecmp(target, addr, len) == 0;
}

static bool has_label(const struct label_set *labels, const char *target)
{
	const char *equals = strchr(target, '=');

	for (size_t i = 0; equals != NULL && i < labels->count; i++) {
		const struct label *l = &labels->items[i];
		size_t len = strlen(l->key);

		if (len == (size_t)(equals - target) && memcmp(l->key, target, len) == 0 &&
		    str_eq(label_get(labels, l->key), equals + 1))
			return true;
	}
	return false;
}

/* RANK_LABEL: its labels have to be looked at. */
static enum rank rank_by_name(const pv_Node *n, const struct route_query *q)
{
	if (strcasecmp(node_id(n), q->target) == 0)
		return RANK_UUID;
	if (is_hostname(n, q))
		return RANK_HOSTNAME;
	if (is_address(n, q->target))
		return RANK_ADDRESS;
	return strchr(q->target, '=') != NULL ? RANK_LABEL : RANK_NONE;
}

/* Keeps a node whose rank is as good as the best so far; a better rank starts the list anew. */
static void keep(struct found *f, enum rank rank, const pv_Node *n)
{
	if (rank < f->rank)
		*f = (struct found){ .rank = rank };
	if (f->count < ROUTE_CANDIDATES_MAX)
		f->nodes[f->count] = n;
	f->count++;
}

/* The node decides which session may be joined. */
static bool is_shown(const pv_Node *n, const struct label_set *labels, enum rank rank,
                     const struct route_query *q)
{
	struct err ignored;

	if (role_set_check_node(q->roles, node_hostname(n), labels, &ignored) == 0)
		return true;
	return q->joins && rank == RANK_UUID && role_set_may_join(q->roles) &&
	       role_set_check_not_denied(q->roles, node_hostname(n), labels, NULL, &ignored) == 0;
}

/* Most nodes are not meant, and are passed by for the price of their names. */
static int consider(struct found *f, const pv_Node *n, const struct route_query *q, struct err *err)
{
	enum rank rank = rank_by_name(n, q);
	struct label *items = NULL;
	struct label_set labels;
	int rc;

	if (rank == RANK_NONE || rank > f->rank)
		return 0;
	rc = label_of_node(n, &items, &labels, err);
	if (rc != 0)
		return rc;
	if ((rank != RANK_LABEL || has_label(&labels, q->target)) && is_shown(n, &labels, rank, q))
		keep(f, rank, n);
	free(items);
	return 0;
}

static int labels_text(const pv_Node *n, char **out, struct err *err)
{
	struct label *items = NULL;
	struct label_set labels;
	struct buf text = { 0 };
	size_t len;
	int rc;

	rc = label_of_node(n, &items, &labels, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < labels.count; i++)
		buf_appendf(&text, "%s%s=%s", i > 0 ? "," : "", labels.items[i].key,
		            labels.items[i].value);
	free(items);
	rc = buf_check(&text, err);
	if (rc == 0)
		*out = (char *)buf_take(&text, &len);
	buf_deinit(&text);
	return rc;
}

static int add_candidate(pv_DialResponse *r, const pv_Node *n, struct err *err)
{
	pv_DialCandidate *c = fields_add(&r->candidates, &r->candidates_count, sizeof(*c), err);

	if (c == NULL || fields_set_str(&c->node_id, node_id(n), err) != 0 ||
	    fields_set_str(&c->hostname, node_hostname(n), err) != 0 ||
	    fields_set_str(&c->addr, n->spec.addr, err) != 0)
		return err->code;
	return labels_text(n, &c->labels, err);
}

static int ambiguous(const struct found *f, const struct route_query *q, pv_DialResponse *r,
                     struct err *err)
{
	size_t shown = f->count < ROUTE_CANDIDATES_MAX ? f->count : ROUTE_CANDIDATES_MAX;

	for (size_t i = 0; i < shown; i++)
		if (add_candidate(r, f->nodes[i], err) != 0)
			return err->code;
	return err_set(err, ERR_CONFLICT, "%zu nodes answer to '%s': name one by its UUID",
	               f->count, q->target);
}

int route_find(const struct cache *cache, const struct route_query *q, const pv_Node **out_node,
               pv_DialResponse *out_response, struct err *err)
{
	struct found found = { .rank = RANK_NONE };
	const pv_Resource *r;
	size_t at = 0;

	while ((r = cache_next(cache, "/nodes/", &at)) != NULL)
		if (consider(&found, &r->of.node, q, err) != 0)
			return err->code;
	if (found.count == 0)
		return err_set(err, ERR_NOT_FOUND,
		               "no node '%s' that you may reach ('tsh ls' lists them)", q->target);
	if (found.count > 1)
		return ambiguous(&found, q, out_response, err);
	*out_node = found.nodes[0];
	return 0;
}

#include "authd/resources/watched.h"

#include "base/err.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

static int leave_out(struct watched_answer *answer, const pv_WatchKind *wanted,
                     const struct err *why, struct err *err)
{
	if (strlist_add(&answer->reasons, why->msg, err) != 0)
		return err->code;
	answer->left_out[answer->left_out_count++] = (pv_WatchLeftOut){
		.kind = wanted->kind,
		.name = wanted->name,
		.reason = answer->reasons.items[answer->reasons.count - 1],
	};
	return 0;
}

static int check_kind(const struct rpc_call *call, const pv_WatchKind *wanted, struct visible *out,
                      struct err *err)
{
	const char *name = wanted->kind != NULL ? wanted->kind : "";
	const struct resource_kind *kind = resource_kind_find(name);

	if (kind == NULL)
		return err_set(err, ERR_NOT_FOUND, "no kind '%s' here", name);
	return visible_begin(out, call, kind, wanted->with_secrets, true, err);
}

/* The keys of the kind, or those that begin as the one that is meant. Where a kind has sub-kinds
 * the name is at the end and does not narrow it down. */
static char *prefix_of(const struct resource_kind *kind, const char *name)
{
	return str_printf("%s%s", kind->prefix, kind->sub_kinds ? "" : name);
}

/* Adds a kind if the caller may see it; else it is left out. */
static int add_kind(struct watched *w, const struct rpc_call *call, const pv_WatchKind *wanted,
                    struct watched_answer *answer, struct err *err)
{
	struct watched_kind *at = &w->items[w->count];
	const char *name = wanted->name != NULL ? wanted->name : "";
	struct err refused;

	if (check_kind(call, wanted, &at->visible, &refused) != 0)
		return leave_out(answer, wanted, &refused, err);
	w->count++;
	at->name = strdup(name);
	at->prefix = prefix_of(at->visible.kind, name);
	if (at->name == NULL || at->prefix == NULL)
		return err_set_nomem(err);
	return strlist_add_new(&answer->accepted, at->visible.kind->name, err);
}

int watched_init(struct watched *w, const struct rpc_call *call, const pv_WatchRequest *request,
                 struct watched_answer *answer, struct err *err)
{
	if (request->kinds_count == 0)
		return err_set(err, ERR_INVALID, "which kinds are to be watched?");
	if (request->kinds_count > WATCHED_MAX)
		return err_set(err, ERR_LIMIT, "at most %d kinds in a watch", WATCHED_MAX);
	w->items = calloc(request->kinds_count, sizeof(*w->items));
	if (w->items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < request->kinds_count; i++)
		if (add_kind(w, call, &request->kinds[i], answer, err) != 0)
			return err->code;
	return 0;
}

void watched_deinit(struct watched *w)
{
	for (size_t i = 0; i < w->count; i++) {
		free(w->items[i].name);
		free(w->items[i].prefix);
	}
	free(w->items);
	*w = (struct watched){ 0 };
}

void watched_answer_deinit(struct watched_answer *answer)
{
	strlist_deinit(&answer->accepted);
	strlist_deinit(&answer->reasons);
}

const struct watched_kind *watched_find(const struct watched *w, const char *key)
{
	const char *name = strrchr(key, '/') + 1;

	for (size_t i = 0; i < w->count; i++) {
		const struct watched_kind *k = &w->items[i];

		if (str_starts(key, k->prefix) && (k->name[0] == 0 || strcmp(k->name, name) == 0))
			return k;
	}
	return NULL;
}

#include "model/predicate_inside.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

struct predicate {
	struct predicate_node *root;
};

void predicate_value_deinit(struct predicate_value *v)
{
	strlist_deinit(&v->own);
}

int predicate_step(struct predicate_run *run)
{
	if (run->steps == 0)
		return err_set(run->why, ERR_LIMIT, "an expression takes too long");
	run->steps--;
	return 0;
}

/* --- by kind of node ------------------------------------------------------------------------- */

static bool eval_field(struct predicate_run *run, const struct predicate_node *n,
                       struct predicate_value *out)
{
	if (n->field->get(run->ctx, n->text, out))
		return true;
	err_set(run->why, ERR_NOT_FOUND, "%s is not known", n->field->name);
	return false;
}

/* The values of all children; false: one is not known. */
static bool eval_children(struct predicate_run *run, const struct predicate_node *n,
                          struct predicate_value *values, size_t *out_count)
{
	bool known = true;

	*out_count = 0;
	for (const struct predicate_node *c = n->first; known && c != NULL; c = c->next) {
		predicate_eval(run, c, &values[*out_count]);
		known = values[(*out_count)++].known;
	}
	return known;
}

static bool make_list(struct predicate_run *run, const struct predicate_value *values, size_t count,
                      struct predicate_value *out)
{
	for (size_t i = 0; i < count; i++)
		if (strlist_add(&out->own, values[i].text, run->why) != 0)
			return false;
	out->items = out->own.items;
	out->count = out->own.count;
	return true;
}

static bool eval_with_children(struct predicate_run *run, const struct predicate_node *n,
                               struct predicate_value *out)
{
	struct predicate_value values[PREDICATE_ARGS_MAX] = { 0 };
	size_t count;
	bool known = eval_children(run, n, values, &count);

	if (known && n->op == NODE_CALL)
		known = n->function->apply(run, n, values, count, out) == 0;
	else if (known && n->op == NODE_LIST)
		known = make_list(run, values, count, out);
	else if (known && n->op == NODE_NOT)
		out->truth = !values[0].truth;
	else if (known)
		out->truth = predicate_equal(&values[0], &values[1]) == (n->op == NODE_EQUAL);
	/* Nothing that was made of them borrows from them. */
	for (size_t i = 0; i < count; i++)
		predicate_value_deinit(&values[i]);
	return known;
}

/* One that settles it does, whatever is not known about the others (Kleene's logic). */
static bool eval_joined(struct predicate_run *run, const struct predicate_node *n,
                        struct predicate_value *out)
{
	bool settles = n->op == NODE_OR, all_known = true;

	for (const struct predicate_node *c = n->first; c != NULL; c = c->next) {
		struct predicate_value v = { 0 };

		predicate_eval(run, c, &v);
		predicate_value_deinit(&v);
		all_known &= v.known;
		if (v.known && v.truth == settles) {
			out->truth = settles;
			return true;
		}
	}
	out->truth = !settles;
	return all_known;
}

void predicate_eval(struct predicate_run *run, const struct predicate_node *n,
                    struct predicate_value *out)
{
	*out = (struct predicate_value){ .type = n->type, .text = "" };
	switch (n->op) {
	case NODE_TEXT:
		out->text = n->text;
		out->known = true;
		break;
	case NODE_FIELD:
		out->known = eval_field(run, n, out);
		break;
	case NODE_AND:
	case NODE_OR:
		out->known = eval_joined(run, n, out);
		break;
	case NODE_LIST:
	case NODE_CALL:
	case NODE_NOT:
	case NODE_EQUAL:
	case NODE_UNEQUAL:
		out->known = eval_with_children(run, n, out);
		break;
	}
}

/* --- the whole ------------------------------------------------------------------------------- */

int predicate_new(struct predicate **out, const char *text, enum predicate_use use, struct err *err)
{
	struct predicate *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return err_set_nomem(err);
	rc = predicate_parse(&p->root, text, use, PREDICATE_BOOL, err);
	if (rc != 0)
		predicate_free(p);
	else
		*out = p;
	return rc;
}

void predicate_free(struct predicate *p)
{
	if (p == NULL)
		return;
	predicate_node_free(p->root);
	free(p);
}

enum predicate_truth predicate_test(const struct predicate *p, const struct predicate_context *ctx,
                                    struct err *why)
{
	struct predicate_run run = { ctx, PREDICATE_STEPS, why };
	struct predicate_value v;

	predicate_eval(&run, p->root, &v);
	predicate_value_deinit(&v);
	if (!v.known)
		return PREDICATE_UNKNOWN;
	return v.truth ? PREDICATE_YES : PREDICATE_NO;
}

enum predicate_truth predicate_ask(const char *text, enum predicate_use use,
                                   const struct predicate_context *ctx)
{
	enum predicate_truth truth;
	struct predicate *p;
	struct err ignored;

	if (predicate_new(&p, text, use, &ignored) != 0)
		return PREDICATE_UNKNOWN;
	truth = predicate_test(p, ctx, &ignored);
	predicate_free(p);
	return truth;
}

int predicate_check(const char *text, enum predicate_use use, struct err *err)
{
	struct predicate *p;
	int rc = predicate_new(&p, text, use, err);

	if (rc == 0)
		predicate_free(p);
	return rc;
}

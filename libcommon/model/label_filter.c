#include "model/label_filter.h"

#include "base/str.h"
#include "model/label.h"
#include "model/predicate.h"

int label_filter_init(struct label_filter *f, bool denying,
                      const pv_RoleConditions_NodeLabelsEntry *entries, size_t count,
                      const char *expression, struct err *err)
{
	int rc = 0;

	*f = (struct label_filter){ .denying = denying };
	if (count > 0)
		rc = label_selector_new(&f->selector, entries, count, err);
	if (rc == 0 && !str_empty(expression))
		rc = predicate_new(&f->expression, expression, PREDICATE_LABELS, err);
	return rc;
}

void label_filter_deinit(struct label_filter *f)
{
	label_selector_free(f->selector);
	predicate_free(f->expression);
}

static bool selector_chooses(const struct label_filter *f, const struct predicate_context *ctx,
                             struct label_finding *out)
{
	bool match;

	out->by_expression = false;
	out->failed =
	        label_selector_match(f->selector, ctx->labels, &match, &out->key, &out->err) != 0;
	return out->failed ? f->denying : match;
}

static bool expression_chooses(const struct label_filter *f, const struct predicate_context *ctx,
                               struct label_finding *out)
{
	enum predicate_truth truth = predicate_test(f->expression, ctx, &out->err);

	out->key = NULL;
	out->by_expression = true;
	out->failed = truth == PREDICATE_UNKNOWN;
	return out->failed ? f->denying : truth == PREDICATE_YES;
}

bool label_filter_match(const struct label_filter *f, const struct predicate_context *ctx,
                        struct label_finding *out)
{
	bool chosen = f->selector != NULL || f->expression != NULL;

	if (!chosen) {
		out->key = NULL;
		out->by_expression = out->failed = false;
		return false;
	}
	if (f->selector != NULL) {
		chosen = selector_chooses(f, ctx, out);
		if (chosen == f->denying || f->expression == NULL)
			return chosen;
	}
	return expression_chooses(f, ctx, out);
}

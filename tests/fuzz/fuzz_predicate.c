/*
 * An expression, or an action, against a fixed user, session and access request: it is read or
 * refused, and what was read gives an answer within its bounds, the same at once as in two steps.
 * The first byte says which it is.
 */
#include "model/predicate.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/action.h"
#include "model/label.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static void test_predicate(const char *text, enum predicate_use use,
                           const struct predicate_context *ctx)
{
	struct predicate *p;
	struct err err;
	int rc = predicate_new(&p, text, use, &err);

	assert(predicate_check(text, use, &err) == rc);
	if (rc != 0) {
		assert(predicate_ask(text, use, ctx) == PREDICATE_UNKNOWN);
		return;
	}
	assert(predicate_test(p, ctx, &err) == predicate_ask(text, use, ctx));
	predicate_test(p, &(struct predicate_context){ 0 }, &err);
	predicate_free(p);
}

static void test_action(const char *text, const struct predicate_context *ctx)
{
	struct buf line = { 0 };
	struct action *a;
	struct err err;

	if (action_new(&a, text, &err) != 0)
		return;
	action_line(a, ctx, &line);
	buf_deinit(&line);
	action_free(a);
}

static enum predicate_use use_of(uint8_t first)
{
	switch (first) {
	case 'l':
		return PREDICATE_LABELS;
	case 'j':
		return PREDICATE_JUDGE;
	case 'r':
		return PREDICATE_REVIEW;
	default:
		return PREDICATE_WHERE;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *values[] = { TEXT("alice@example.com"), TEXT("team-red") };
	pv_Identity_TraitsEntry traits[] = { { TEXT("teams"), true, { 2, values } } };
	pv_Identity alice = {
		.user = TEXT("alice"),
		.roles = values,
		.roles_count = 2,
		.traits = traits,
		.traits_count = 1,
	};
	pv_Resource session = { .which_of = pv_Resource_session_tag };
	const struct label items[] = { { "env", "lab" }, { "team", "red" } };
	const struct label_set labels = { items, 2 };
	const pv_AccessRequestSpec request = { .roles = values,
		                               .roles_count = 2,
		                               .request_reason = TEXT("the disk is full") };
	const pv_AccessReview review = { .reason = TEXT("because") };
	const struct predicate_context ctx = { .who = &alice,
		                               .resource = &session,
		                               .labels = &labels,
		                               .request = &request,
		                               .review = &review };
	char *text;

	if (size == 0)
		return 0;
	session.of.session.spec.participants = values;
	session.of.session.spec.participants_count = 2;
	text = strndup((const char *)data + 1, size - 1);
	if (data[0] == 'a')
		test_action(text, &ctx);
	else
		test_predicate(text, use_of(data[0]), &ctx);
	free(text);
	return 0;
}

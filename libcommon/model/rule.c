#include "model/rule.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/action.h"
#include "model/rule_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct rule {
	int score;
	struct strlist kinds;
	struct strlist verbs;
	struct predicate *where; /* NULL: always */
	struct action **actions;
	size_t actions_count;
};

struct rules {
	struct rule *items; /* the most specific first */
	size_t count;
};

static bool has(char *const *words, size_t count, const char *word)
{
	return str_in(word, words, count);
}

int rule_score(const pv_Rule *rule)
{
	int score = 0;

	if (has(rule->resources, rule->resources_count, "*"))
		score -= 4;
	else if (rule->resources_count == 1)
		score += 2;
	if (has(rule->verbs, rule->verbs_count, "*"))
		score -= 2;
	if (!str_empty(rule->where))
		score += 8;
	if (rule->actions_count > 0)
		score += 8;
	return score;
}

/* --- making ---------------------------------------------------------------------------------- */

static void rule_deinit(struct rule *r)
{
	strlist_deinit(&r->kinds);
	strlist_deinit(&r->verbs);
	predicate_free(r->where);
	for (size_t i = 0; i < r->actions_count; i++)
		action_free(r->actions[i]);
	free(r->actions);
}

static int copy_words(struct strlist *to, char *const *from, size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = strlist_add(to, from[i], err);
	return rc;
}

static int compile_actions(struct rule *r, const pv_Rule *from, struct err *err)
{
	int rc = 0;

	r->actions = calloc((size_t)from->actions_count + 1, sizeof(struct action *));
	if (r->actions == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < from->actions_count; i++) {
		rc = action_new(&r->actions[i], from->actions[i], err);
		r->actions_count += rc == 0;
	}
	return rc != 0 ? err_wrap(err, "actions") : 0;
}

static int rule_init(struct rule *r, const pv_Rule *from, struct err *err)
{
	int rc = copy_words(&r->kinds, from->resources, from->resources_count, err);

	r->score = rule_score(from);
	if (rc == 0)
		rc = copy_words(&r->verbs, from->verbs, from->verbs_count, err);
	if (rc == 0 && !str_empty(from->where) &&
	    predicate_new(&r->where, from->where, PREDICATE_WHERE, err) != 0)
		rc = err_wrap(err, "where");
	if (rc == 0)
		rc = compile_actions(r, from, err);
	return rc;
}

static int check_words(const pv_Rule *rule, struct err *err)
{
	if (rule->resources_count == 0)
		return err_set(err, ERR_INVALID, "resources are missing");
	if (rule->verbs_count == 0)
		return err_set(err, ERR_INVALID, "verbs are missing");
	for (size_t i = 0; i < rule->resources_count; i++)
		if (!rule_knows_kind(rule->resources[i]))
			return err_set(err, ERR_INVALID, "resources: '%s' is not a kind",
			               rule->resources[i]);
	for (size_t i = 0; i < rule->verbs_count; i++)
		if (!rule_knows_verb(rule->verbs[i]))
			return err_set(err, ERR_INVALID, "verbs: '%s' is not a verb",
			               rule->verbs[i]);
	return 0;
}

int rule_check(const pv_Rule *rule, struct err *err)
{
	struct rule compiled = { 0 };
	int rc = check_words(rule, err);

	if (rc == 0)
		rc = rule_init(&compiled, rule, err);
	rule_deinit(&compiled);
	return rc;
}

/* Keeps the order of those that are equally specific. */
static void insert_by_score(struct rules *r, struct rule *rule)
{
	size_t at = r->count++;

	for (; at > 0 && r->items[at - 1].score < rule->score; at--)
		r->items[at] = r->items[at - 1];
	r->items[at] = *rule;
}

int rules_new(struct rules **out, const pv_Rule *rules, size_t count, struct err *err)
{
	struct rules *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (r != NULL)
		r->items = calloc(count + 1, sizeof(*r->items));
	if (r == NULL || r->items == NULL)
		rc = err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct rule rule = { 0 };

		rc = rule_init(&rule, &rules[i], err);
		if (rc != 0)
			err_wrap(err, "rules[%zu]", i);
		insert_by_score(r, &rule); /* also half-made, to be freed */
	}
	if (rc != 0)
		rules_free(r);
	else
		*out = r;
	return rc;
}

void rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		rule_deinit(&r->items[i]);
	free(r->items);
	free(r);
}

/* --- matching -------------------------------------------------------------------------------- */

static bool has_verb(const struct rule *r, const char *verb)
{
	return strlist_has(&r->verbs, verb) || strlist_has(&r->verbs, "*") ||
	       (strcmp(verb, "readnosecrets") == 0 && strlist_has(&r->verbs, "read"));
}

static void do_actions(const struct rule *r, const struct rule_question *q)
{
	for (size_t i = 0; q->log != NULL && i < r->actions_count; i++) {
		struct buf line = { 0 };
		const char *level = action_line(r->actions[i], &q->ctx, &line);

		q->log(q->log_arg, level, buf_str(&line));
		buf_deinit(&line);
	}
}

/* Those that name `kind`. One that matches ends it; else what is unknown about any stays so. */
static enum predicate_truth match_kind(const struct rules *r, const char *kind,
                                       const struct rule_question *q, struct err *why)
{
	enum predicate_truth all = PREDICATE_NO;

	for (size_t i = 0; i < r->count; i++) {
		const struct rule *rule = &r->items[i];
		enum predicate_truth truth = PREDICATE_YES;

		if (!strlist_has(&rule->kinds, kind) || !has_verb(rule, q->verb))
			continue;
		if (rule->where != NULL)
			truth = predicate_test(rule->where, &q->ctx, why);
		if (truth == PREDICATE_YES) {
			do_actions(rule, q);
			return truth;
		}
		if (truth == PREDICATE_UNKNOWN)
			all = truth;
	}
	return all;
}

enum predicate_truth rules_match(const struct rules *r, const struct rule_question *q,
                                 struct err *why)
{
	enum predicate_truth named = match_kind(r, q->kind, q, why);
	enum predicate_truth any;

	if (named == PREDICATE_YES)
		return named;
	any = match_kind(r, "*", q, why);
	return any == PREDICATE_NO ? named : any;
}

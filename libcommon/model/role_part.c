#include "model/role_part.h"

#include "base/err.h"
#include "model/label_pattern.h"
#include "model/resource.h"
#include "model/rule.h"
#include "model/template.h"

#include <stdint.h>
#include <stdlib.h>

/* Adds what the texts stand for, as far as `fits` (NULL: all) lets it. */
static int expand_texts(struct strlist *out, char *const *texts, size_t count,
                        const struct traits *traits, bool denying, bool (*fits)(const char *),
                        struct err *err)
{
	struct strlist expanded = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = template_expand(texts[i], traits, &expanded, err);
		if (rc == ERR_INVALID && !denying)
			rc = 0;
	}
	for (size_t i = 0; rc == 0 && i < expanded.count; i++)
		if (fits == NULL || fits(expanded.items[i]))
			rc = strlist_add_new(out, expanded.items[i], err);
	strlist_deinit(&expanded);
	return rc;
}

static int expand_pattern(struct strlist *out, const char *text, const struct traits *traits,
                          bool denying, struct err *err)
{
	int rc;

	if (template_is_matcher(text))
		return strlist_add(out, text, err);
	rc = template_expand(text, traits, out, err);
	return rc == ERR_INVALID && !denying ? 0 : rc;
}

static int expand_patterns(struct strlist *out, const pv_Strings *values,
                           const struct traits *traits, bool denying, struct err *err)
{
	struct strlist expanded = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < values->values_count; i++)
		rc = expand_pattern(&expanded, values->values[i], traits, denying, err);
	for (size_t i = 0; rc == 0 && i < expanded.count; i++) {
		rc = denying ? 0 : label_pattern_check(expanded.items[i], err);
		if (rc == 0)
			rc = strlist_add_new(out, expanded.items[i], err);
		else if (rc == ERR_INVALID)
			rc = 0;
	}
	strlist_deinit(&expanded);
	return rc;
}

/* One selector entry with its templates filled in. A key that comes out empty stays, and
 * matches nothing. `key` and `values` hold what the entry borrows. */
static int expand_entry(pv_RoleConditions_NodeLabelsEntry *out, struct strlist *key,
                        struct strlist *values, const pv_RoleConditions_NodeLabelsEntry *in,
                        const struct traits *traits, bool denying, struct err *err)
{
	int rc = template_expand(in->key != NULL ? in->key : "", traits, key, err);

	if (rc == ERR_INVALID && !denying)
		rc = 0;
	if (rc == 0)
		rc = expand_patterns(values, &in->value, traits, denying, err);
	if (rc == 0 && values->count > UINT16_MAX)
		rc = err_set(err, ERR_LIMIT, "label '%s' has too many values", in->key);
	if (rc != 0)
		return rc;
	*out = (pv_RoleConditions_NodeLabelsEntry){
		.key = key->count > 0 ? key->items[0] : NULL,
		.has_value = true,
		.value = { .values_count = (pb_size_t)values->count, .values = values->items },
	};
	return 0;
}

static int expand_filter(struct label_filter *f, const pv_RoleConditions_NodeLabelsEntry *labels,
                         size_t count, const char *expression, const struct traits *traits,
                         bool denying, struct err *err)
{
	pv_RoleConditions_NodeLabelsEntry *entries = calloc(count + 1, sizeof(*entries));
	struct strlist *texts = calloc(2 * count + 1, sizeof(*texts));
	int rc = 0;

	if (entries == NULL || texts == NULL)
		rc = err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = expand_entry(&entries[i], &texts[2 * i], &texts[2 * i + 1], &labels[i], traits,
		                  denying, err);
	if (rc == 0)
		rc = label_filter_init(f, denying, entries, count, expression, err);
	for (size_t i = 0; texts != NULL && i < 2 * count; i++)
		strlist_deinit(&texts[i]);
	free(texts);
	free(entries);
	return rc;
}

bool role_part_in_scope(const pv_RoleConditions *c)
{
	return c->namespaces_count == 0 || str_in("default", c->namespaces, c->namespaces_count) ||
	       str_in("*", c->namespaces, c->namespaces_count);
}

/* nanopb has a type of entry per map; those of labels are all alike. */
_Static_assert(sizeof(pv_RoleConditions_KubernetesLabelsEntry) ==
                               sizeof(pv_RoleConditions_NodeLabelsEntry) &&
                       offsetof(pv_RoleConditions_KubernetesLabelsEntry, value) ==
                               offsetof(pv_RoleConditions_NodeLabelsEntry, value),
               "maps of labels have entries alike");

static int init_kubernetes(struct role_part *part, const pv_RoleConditions *c,
                           const struct traits *traits, bool denying, struct err *err)
{
	const void *labels = c->kubernetes_labels;
	int rc = expand_texts(&part->kubernetes_groups, c->kubernetes_groups,
	                      c->kubernetes_groups_count, traits, denying, NULL, err);

	if (rc == 0)
		rc = expand_texts(&part->kubernetes_users, c->kubernetes_users,
		                  c->kubernetes_users_count, traits, denying, NULL, err);
	if (rc == 0)
		rc = expand_filter(&part->kubernetes, labels, c->kubernetes_labels_count,
		                   c->kubernetes_labels_expression, traits, denying, err);
	return rc;
}

int role_part_init(struct role_part *part, const pv_RoleConditions *c, const struct traits *traits,
                   bool denying, struct err *err)
{
	int rc;

	part->in_scope = role_part_in_scope(c);
	rc = expand_texts(&part->logins, c->logins, c->logins_count, traits, denying,
	                  resource_is_login, err);
	if (rc == 0)
		rc = expand_filter(&part->nodes, c->node_labels, c->node_labels_count,
		                   c->node_labels_expression, traits, denying, err);
	if (rc == 0)
		rc = rules_new(&part->rules, c->rules, c->rules_count, err);
	if (rc == 0)
		rc = init_kubernetes(part, c, traits, denying, err);
	return rc;
}

void role_part_deinit(struct role_part *part)
{
	strlist_deinit(&part->logins);
	label_filter_deinit(&part->nodes);
	rules_free(part->rules);
	strlist_deinit(&part->kubernetes_groups);
	strlist_deinit(&part->kubernetes_users);
	label_filter_deinit(&part->kubernetes);
}

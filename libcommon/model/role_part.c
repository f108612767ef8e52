#include "model/role_part.h"

#include "base/err.h"
#include "model/label.h"
#include "model/label_pattern.h"
#include "model/resource.h"
#include "model/template.h"

#include <stdint.h>
#include <stdlib.h>

static int add_logins(struct role_part *part, const pv_RoleConditions *c,
                      const struct traits *traits, bool denying, struct err *err)
{
	struct strlist expanded = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->logins_count; i++) {
		rc = template_expand(c->logins[i], traits, &expanded, err);
		if (rc == ERR_INVALID && !denying)
			rc = 0;
	}
	for (size_t i = 0; rc == 0 && i < expanded.count; i++)
		if (resource_is_login(expanded.items[i]))
			rc = strlist_add_new(&part->logins, expanded.items[i], err);
	strlist_deinit(&expanded);
	return rc;
}

static int expand_patterns(struct strlist *out, const pv_Strings *values,
                           const struct traits *traits, bool denying, struct err *err)
{
	struct strlist expanded = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < values->values_count; i++) {
		rc = template_expand(values->values[i], traits, &expanded, err);
		if (rc == ERR_INVALID && !denying)
			rc = 0;
	}
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

static int add_labels(struct role_part *part, const pv_RoleConditions *c,
                      const struct traits *traits, bool denying, struct err *err)
{
	size_t count = c->node_labels_count;
	pv_RoleConditions_NodeLabelsEntry *entries = calloc(count + 1, sizeof(*entries));
	struct strlist *texts = calloc(2 * count + 1, sizeof(*texts));
	int rc = 0;

	if (entries == NULL || texts == NULL)
		rc = err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = expand_entry(&entries[i], &texts[2 * i], &texts[2 * i + 1], &c->node_labels[i],
		                  traits, denying, err);
	if (rc == 0)
		rc = label_selector_new(&part->labels, entries, count, err);
	for (size_t i = 0; texts != NULL && i < 2 * count; i++)
		strlist_deinit(&texts[i]);
	free(texts);
	free(entries);
	return rc;
}

static bool in_default_namespace(const pv_RoleConditions *c)
{
	return c->namespaces_count == 0 || str_in("default", c->namespaces, c->namespaces_count) ||
	       str_in("*", c->namespaces, c->namespaces_count);
}

int role_part_init(struct role_part *part, const pv_RoleConditions *c, const struct traits *traits,
                   bool denying, struct err *err)
{
	int rc;

	part->conditions = c;
	part->in_scope = in_default_namespace(c);
	rc = add_logins(part, c, traits, denying, err);
	if (rc == 0)
		rc = add_labels(part, c, traits, denying, err);
	return rc;
}

void role_part_deinit(struct role_part *part)
{
	strlist_deinit(&part->logins);
	label_selector_free(part->labels);
}

/* tctl update - labels and life of a resource, the rest as it is. */
#include "tctl/api.h"
#include "tctl/apply.h"
#include "tctl/cmd.h"
#include "tctl/ref.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <string.h>

static int add_label(pv_Metadata *meta, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');
	pv_Metadata_LabelsEntry *label;

	if (equals == NULL || equals == word)
		return err_set(err, ERR_INVALID, "'%s' is not a label (key=value)", word);
	label = fields_add(&meta->labels, &meta->labels_count, sizeof(*label), err);
	if (label == NULL)
		return err->code;
	label->key = strndup(word, (size_t)(equals - word));
	label->value = strdup(equals + 1);
	return label->key != NULL && label->value != NULL ? 0 : err_set_nomem(err);
}

/* All labels there are from now on. */
static int set_labels(pv_Metadata *meta, const struct strlist *words, struct err *err)
{
	pv_Metadata labels = { 0 };
	pv_Metadata_LabelsEntry *old = meta->labels;
	pb_size_t old_count = meta->labels_count;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < words->count; i++)
		if (*words->items[i] != 0)
			rc = add_label(&labels, words->items[i], err);
	if (rc == 0) {
		meta->labels = labels.labels;
		meta->labels_count = labels.labels_count;
		labels.labels = old;
		labels.labels_count = old_count;
	}
	fields_release(&pv_Metadata_table, &labels);
	return rc;
}

struct wish {
	struct strlist labels;
	const char *ttl;
};

static int change(pv_Resource *r, const struct wish *w, struct err *err)
{
	pv_Metadata *meta = resource_metadata(r);
	int64_t ttl;

	if (w->labels.count > 0 && set_labels(meta, &w->labels, err) != 0)
		return err->code;
	if (w->ttl == NULL)
		return 0;
	if (cmd_ttl(w->ttl, &ttl, err) != 0)
		return err->code;
	meta->expires = ttl > 0 ? clock_wall_ms(clock_system()) + ttl : 0;
	return 0;
}

static int update(struct tctl *t, const struct ref *ref, const struct wish *w, struct err *err)
{
	const struct apply how = { .replace = true, .accept_unenforced = true };
	const pv_GetResourceRequest request = {
		.kind = (char *)ref->kind->name,
		.sub_kind = (char *)ref->sub_kind,
		.name = (char *)ref->name,
	};
	pv_Resource r;
	int rc = api_call(t, AUTH_GET_RESOURCE, &request, &r, err);

	if (rc != 0)
		return rc;
	rc = change(&r, w, err);
	if (rc == 0)
		rc = apply_resources(t, &r, 1, &how, err);
	resource_deinit(&r);
	return rc;
}

int cmd_update(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct wish w = { 0 };
	const struct args_option options[] = {
		{ "set-labels", 0, ARGS_LIST, &w.labels },
		{ "set-ttl", 0, ARGS_TEXT, &w.ttl },
		{ 0 },
	};
	struct ref ref;
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0 && w.labels.count == 0 && w.ttl == NULL)
		rc = err_set(err, ERR_INVALID,
		             "what? (--set-labels=key=value,... or --set-ttl=8h)");
	if (rc == 0)
		rc = ref_parse_one(argv[0], &ref, err);
	if (rc == 0)
		rc = update(t, &ref, &w, err);
	strlist_deinit(&w.labels);
	return rc;
}

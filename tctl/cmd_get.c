/* tctl get - show resources as they would be created. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/ref.h"
#include "tctl/tables.h"

#include "base/err.h"
#include "conf/args.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <string.h>

#define REFS_MAX 64

static int get_one(struct tctl *t, const struct ref *ref, struct listing *listing, struct err *err)
{
	const pv_GetResourceRequest request = {
		.kind = (char *)ref->kind->name,
		.sub_kind = (char *)ref->sub_kind,
		.name = (char *)ref->name,
	};
	pv_Resource r;
	int rc = api_call(t, AUTH_GET_RESOURCE, &request, &r, err);

	if (rc != 0)
		return rc;
	rc = listing_add(listing, &r, err);
	fields_release(&pv_Resource_table, &r);
	return rc;
}

static int get_all(struct tctl *t, const struct ref *ref, struct listing *listing, struct err *err)
{
	pv_ListResourcesRequest query = {
		.kind = (char *)ref->kind->name,
		.sub_kind = (char *)ref->sub_kind,
	};

	return api_list(t, &query, listing_add, listing, err);
}

/* "roles,user/alice" into refs; "all" is every kind that could be created again. */
static int parse_refs(char *text, struct ref *refs, size_t *count, struct err *err)
{
	const struct resource_kind *kind = NULL;
	char *word;
	int rc = 0;

	*count = 0;
	while (strcmp(text, "all") == 0 && (kind = resource_kind_next(kind)) != NULL)
		if (kind->writable)
			refs[(*count)++] = (struct ref){ .kind = kind };
	if (*count > 0)
		return 0;
	while (rc == 0 && (word = strsep(&text, ",")) != NULL) {
		if (*count == REFS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d words", REFS_MAX);
		rc = ref_parse(word, &refs[(*count)++], err);
	}
	return rc;
}

static int get_refs(struct tctl *t, const struct ref *refs, size_t count, struct listing *listing,
                    struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = refs[i].name != NULL ? get_one(t, &refs[i], listing, err)
		                          : get_all(t, &refs[i], listing, err);
	return rc == 0 ? listing_print(listing, t->out, err) : rc;
}

int cmd_get(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct ref refs[REFS_MAX];
	enum listing_format format;
	struct listing *listing;
	size_t count;
	int rc = cmd_parse(t, NULL, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = cmd_format(t, LISTING_YAML, &format, err);
	if (rc == 0)
		rc = parse_refs(argv[0], refs, &count, err);
	if (rc != 0)
		return rc;
	listing = listing_new(format, table_of(count == 1 ? refs[0].kind->name : NULL));
	rc = listing != NULL ? get_refs(t, refs, count, listing, err) : err_set_nomem(err);
	listing_free(listing);
	return rc;
}

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

#define REFS_MAX 64

static int get_one(struct tctl *t, const struct ref *ref, bool secrets, struct listing *listing,
                   struct err *err)
{
	const pv_GetResourceRequest request = {
		.kind = (char *)ref->kind->name,
		.sub_kind = (char *)ref->sub_kind,
		.name = (char *)ref->name,
		.with_secrets = secrets,
	};
	pv_Resource r;
	int rc = api_call(t, AUTH_GET_RESOURCE, &request, &r, err);

	if (rc != 0)
		return rc;
	rc = listing_add(listing, &r, err);
	fields_release(&pv_Resource_table, &r);
	return rc;
}

static int get_all(struct tctl *t, const struct ref *ref, bool secrets, struct listing *listing,
                   struct err *err)
{
	pv_ListResourcesRequest query = {
		.kind = (char *)ref->kind->name,
		.sub_kind = (char *)ref->sub_kind,
		.with_secrets = secrets,
	};

	return api_list(t, &query, listing_add, listing, err);
}

static int get_refs(struct tctl *t, const struct ref *refs, size_t count, bool secrets,
                    struct listing *listing, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = refs[i].name != NULL ? get_one(t, &refs[i], secrets, listing, err)
		                          : get_all(t, &refs[i], secrets, listing, err);
	return rc == 0 ? listing_print(listing, t->out, err) : rc;
}

int cmd_get(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct ref refs[REFS_MAX];
	enum listing_format format;
	struct listing *listing;
	bool secrets = false;
	const struct args_option options[] = {
		{ "with-secrets", 0, ARGS_FLAG, &secrets },
		{ 0 },
	};
	size_t count;
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = cmd_format(t, LISTING_YAML, &format, err);
	if (rc == 0)
		rc = ref_parse_list(argv[0], refs, REFS_MAX, &count, err);
	if (rc != 0)
		return rc;
	listing = listing_new(format, table_of(count == 1 ? refs[0].kind->name : NULL));
	if (listing != NULL && secrets)
		listing_show_secrets(listing);
	rc = listing != NULL ? get_refs(t, refs, count, secrets, listing, err) : err_set_nomem(err);
	listing_free(listing);
	return rc;
}

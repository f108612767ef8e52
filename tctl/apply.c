#include "tctl/apply.h"

#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/resource_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#define AT_ONCE    333 /* authd makes up to three changes of one, and 1,000 in one write */
#define BYTES_ONCE (3u * 1024 * 1024) /* less than a message may have */

static void print_result(struct tctl *t, const pv_Resource *given, const pv_PutResult *result)
{
	static const char *const done[] = {
		[pv_PutResult_Outcome_CREATED] = "has been created",
		[pv_PutResult_Outcome_UPDATED] = "has been updated",
		[pv_PutResult_Outcome_UNCHANGED] = "is unchanged",
	};
	const char *what = result->outcome <= pv_PutResult_Outcome_UNCHANGED ? done[result->outcome]
	                                                                     : "has been put";

	if (given->which_of == pv_Resource_token_tag) /* its name may be its secret */
		fprintf(t->out, "token %s\n", what);
	else
		fprintf(t->out, "%s \"%s\" %s\n", resource_kind_of(given)->name,
		        resource_name(given), what);
}

static int apply_some(struct tctl *t, const pv_Resource *items, size_t count,
                      const struct apply *how, struct err *err)
{
	/* The request only borrows. */
	const pv_PutResourcesRequest request = {
		.resources = (pv_Resource *)(uintptr_t)items,
		.resources_count = (pb_size_t)count,
		.replace = how->replace,
		.accept_unenforced = how->accept_unenforced,
	};
	pv_PutResourcesResponse answer;

	if (api_call(t, AUTH_PUT_RESOURCES, &request, &answer, err) != 0)
		return err->code;
	for (size_t i = 0; i < count && i < answer.results_count; i++)
		print_result(t, &items[i], &answer.results[i]);
	fields_release(&pv_PutResourcesResponse_table, &answer);
	return 0;
}

/* How many of them go into one write, at least one. */
static int fit(const pv_Resource *items, size_t count, size_t *out, struct err *err)
{
	struct buf bytes = { 0 };
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && n < count && n < AT_ONCE && (n == 0 || bytes.len <= BYTES_ONCE))
		rc = resource_encode(&items[n++], &bytes, err);
	*out = n > 1 && bytes.len > BYTES_ONCE ? n - 1 : n;
	buf_wipe(&bytes);
	return rc;
}

int apply_resources(struct tctl *t, const pv_Resource *items, size_t count, const struct apply *how,
                    struct err *err)
{
	size_t part = 0;
	int rc = 0;

	for (size_t done = 0; rc == 0 && done < count; done += part) {
		rc = fit(items + done, count - done, &part, err);
		if (rc == 0 && done == 0 && part < count)
			fprintf(stderr,
			        "tctl: %zu resources are more than one write holds: they are put "
			        "in parts, each whole or not at all\n",
			        count);
		if (rc == 0)
			rc = apply_some(t, items + done, part, how, err);
		if (rc != 0 && done > 0)
			err_wrap(err, "after the first %zu were put", done);
	}
	return rc;
}

void apply_print_notes(const struct resource_file *file)
{
	for (size_t i = 0; i < file->notes.count; i++)
		fprintf(stderr, "tctl: %s\n", file->notes.items[i]);
}

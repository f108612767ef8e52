/* tctl requests - ls, create, approve, deny, rm: who asked for more roles, and what of it. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/remove.h"

#include "base/err.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "model/listing_request.h"
#include "model/request.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <string.h>

int cmd_requests_ls(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"access_request" };
	struct listing *listing;
	enum listing_format format;
	int rc = cmd_parse(t, NULL, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_format(t, LISTING_TEXT, &format, err);
	if (rc != 0)
		return rc;
	listing = listing_new(format, &listing_request);
	rc = listing != NULL ? api_list(t, &query, listing_add, listing, err) : err_set_nomem(err);
	if (rc == 0)
		rc = listing_print(listing, t->out, err);
	listing_free(listing);
	return rc;
}

int cmd_requests_create(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct strlist roles = { 0 };
	const char *reason = NULL, *ttl = NULL;
	const struct args_option options[] = {
		{ "roles", 0, ARGS_LIST, &roles },
		{ "reason", 0, ARGS_TEXT, &reason },
		{ "ttl", 0, ARGS_TEXT, &ttl },
		{ 0 },
	};
	pv_CreateAccessRequestRequest request = { 0 };
	pv_Resource made;
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl, &request.ttl, err);
	if (rc == 0) {
		request.user = argv[0];
		request.roles = roles.items;
		request.roles_count = (pb_size_t)roles.count;
		request.reason = (char *)reason;
		rc = api_call(t, AUTH_CREATE_ACCESS_REQUEST, &request, &made, err);
	}
	if (rc == 0) {
		fprintf(t->out, "%s\n", made.of.access_request.metadata.name);
		fields_release(&pv_Resource_table, &made);
	}
	strlist_deinit(&roles);
	return rc;
}

/* Words are ids, or several between commas. */
static int settle_words(struct tctl *t, const char *state, const char *reason, int count,
                        char **words, struct err *err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < count; i++)
		for (char *rest = words[i], *id; rc == 0 && (id = strsep(&rest, ",")) != NULL;) {
			const pv_JudgeAccessRequestRequest request = { .id = id,
				                                       .state = (char *)state,
				                                       .reason = (char *)reason };

			rc = api_call(t, AUTH_RESOLVE_ACCESS_REQUEST, &request, NULL, err);
			if (rc == 0)
				fprintf(t->out, "request \"%s\" is %s\n", id, state);
		}
	return rc;
}

static int settle(struct tctl *t, const char *state, int argc, char **argv, struct err *err)
{
	const char *reason = NULL;
	const struct args_option options[] = {
		{ "reason", 0, ARGS_TEXT, &reason },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 1, CMD_ANY, &argc, argv, err);

	return rc == 0 ? settle_words(t, state, reason, argc, argv, err) : rc;
}

int cmd_requests_approve(struct tctl *t, int argc, char **argv, struct err *err)
{
	return settle(t, REQUEST_APPROVED, argc, argv, err);
}

int cmd_requests_deny(struct tctl *t, int argc, char **argv, struct err *err)
{
	return settle(t, REQUEST_DENIED, argc, argv, err);
}

int cmd_requests_rm(struct tctl *t, int argc, char **argv, struct err *err)
{
	int rc = cmd_parse(t, NULL, 1, CMD_ANY, &argc, argv, err);

	return rc == 0 ? remove_names(t, "access_request", argc, argv, err) : rc;
}

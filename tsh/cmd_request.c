/* tsh request - ask for roles for a while, and judge what others ask for. */
#include "tsh/cmd.h"
#include "tsh/request.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "model/listing_request.h"
#include "model/request.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/auth.service.h"
#include "proto/resource.fields.h"

#include <stdio.h>

#define CALL_MS 30000

/* What the command line said. */
struct words {
	struct strlist roles;
	const char *reason;
	int64_t ttl;
	bool approve;
	bool deny;
	const char *id;
	enum listing_format format;
};

static int create(struct api *a, const struct words *w, struct err *err)
{
	pv_Resource made;
	int rc = request_create(a, &w->roles, w->reason, w->ttl, &made, err);

	if (rc == 0) {
		printf("Once it is approved: tsh login --request-id=%s\n",
		       made.of.access_request.metadata.name);
		fields_release(&pv_Resource_table, &made);
	}
	return rc;
}

static int ls(struct api *a, const struct words *w, struct err *err)
{
	const struct api_query query = { .kind = "access_request" };
	struct listing *listing = listing_new(w->format, &listing_request);
	int rc = listing != NULL ? api_list(a, &query, listing_add, listing, err)
	                         : err_set_nomem(err);

	if (rc == 0)
		rc = listing_print(listing, stdout, err);
	listing_free(listing);
	return rc;
}

static int show(struct api *a, const struct words *w, struct err *err)
{
	enum listing_format format = w->format == LISTING_TEXT ? LISTING_YAML : w->format;
	struct listing *listing;
	pv_Resource r;
	int rc = request_load(a, w->id, &r, err);

	if (rc != 0)
		return rc;
	listing = listing_new(format, &listing_request);
	rc = listing != NULL ? listing_add(listing, &r, err) : err_set_nomem(err);
	if (rc == 0)
		rc = listing_print(listing, stdout, err);
	listing_free(listing);
	fields_release(&pv_Resource_table, &r);
	return rc;
}

static int review(struct api *a, const struct words *w, struct err *err)
{
	const char *state = w->approve ? REQUEST_APPROVED : REQUEST_DENIED;
	const pv_JudgeAccessRequestRequest request = { .id = (char *)(uintptr_t)w->id,
		                                       .state = (char *)(uintptr_t)state,
		                                       .reason = (char *)(uintptr_t)w->reason };
	pv_Resource r;
	int rc;

	if (w->approve == w->deny)
		return err_set(err, ERR_INVALID, "say one of --approve and --deny");
	rc = rpc_unary_wait(a->client, AUTH_REVIEW_ACCESS_REQUEST, &request, CALL_MS, &r, err);
	if (rc == 0) {
		printf("Request %s is %s.\n", w->id, r.of.access_request.spec.state);
		fields_release(&pv_Resource_table, &r);
	}
	return rc;
}

static const struct action {
	const char *name;
	int (*run)(struct api *a, const struct words *w, struct err *err);
	bool takes_id;
} actions[] = {
	{ "create", create, false },
	{ "ls", ls, false },
	{ "show", show, true },
	{ "review", review, true },
};

static const struct action *find(int argc, char **argv)
{
	for (size_t i = 0; argc > 0 && i < sizeof(actions) / sizeof(*actions); i++)
		if (str_eq(actions[i].name, argv[0]) && argc == (actions[i].takes_id ? 2 : 1))
			return &actions[i];
	return NULL;
}

static int run(struct tsh *t, const struct action *action, const struct words *w, struct err *err)
{
	struct profile p = { 0 };
	struct api api = { 0 };
	int rc = cmd_open_profile(t, &p, err);

	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = action->run(&api, w, err);
	api_close(&api);
	profile_deinit(&p);
	return rc;
}

int cmd_request(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct words w = { .format = LISTING_TEXT };
	const char *format = NULL, *ttl = NULL;
	const struct args_option options[] = {
		{ "roles", 0, ARGS_LIST, &w.roles },
		{ "reason", 0, ARGS_TEXT, &w.reason },
		{ "ttl", 0, ARGS_TEXT, &ttl },
		{ "approve", 0, ARGS_FLAG, &w.approve },
		{ "deny", 0, ARGS_FLAG, &w.deny },
		{ "format", 'f', ARGS_TEXT, &format },
		{ 0 },
	};
	const struct action *action;
	int rc = cmd_parse(t, options, &argc, argv, err);

	action = find(argc, argv);
	if (rc == 0 && action == NULL)
		rc = err_set(err, ERR_INVALID,
		             "usage: tsh request create | ls | show ID | review ID");
	if (rc == 0 && ttl != NULL && str_to_duration(ttl, &w.ttl, err) != 0)
		rc = err_wrap(err, "--ttl");
	if (rc == 0)
		rc = listing_format_parse(format, &w.format, err);
	if (rc == 0) {
		w.id = argc == 2 ? argv[1] : NULL;
		rc = run(t, action, &w, err);
	}
	strlist_deinit(&w.roles);
	return rc;
}

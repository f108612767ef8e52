/* tctl users - add, ls, rm, reset, unlock. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/output.h"
#include "tctl/remove.h"

#include "base/err.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

static int print_invite(struct tctl *t, const char *event, const pv_Invite *invite, struct err *err)
{
	enum listing_format format;
	int rc = cmd_format(t, LISTING_TEXT, &format, err);

	if (rc != 0)
		return rc;
	if (format != LISTING_TEXT)
		return output_message(t->out, format, &pv_Invite_table, invite, err);
	output_invite(t->out, event, invite);
	return 0;
}

/* A call that answers with an invite. */
static int invite(struct tctl *t, enum auth_call call, const void *request, const char *event,
                  struct err *err)
{
	pv_Invite answer;
	int rc = api_call(t, call, request, &answer, err);

	if (rc != 0)
		return rc;
	rc = print_invite(t, event, &answer, err);
	fields_release(&pv_Invite_table, &answer);
	return rc;
}

/* The request borrows everything. */
static int create(struct tctl *t, const char *name, const struct strlist *roles,
                  const struct strlist *logins, int64_t ttl, struct err *err)
{
	pv_CreateUserRequest_TraitsEntry trait = {
		.key = (char *)"logins",
		.has_value = true,
		.value = { (pb_size_t)logins->count, logins->items },
	};
	const pv_CreateUserRequest request = {
		.name = (char *)name,
		.roles = roles->items,
		.roles_count = (pb_size_t)roles->count,
		.traits = &trait,
		.traits_count = logins->count > 0,
		.ttl = ttl,
	};

	if (roles->count == 0)
		return err_set(err, ERR_INVALID, "which roles? (--roles=access)");
	return invite(t, AUTH_CREATE_USER, &request, "has been created", err);
}

int cmd_users_add(struct tctl *t, int argc, char **argv, struct err *err)
{
	struct strlist roles = { 0 };
	struct strlist logins = { 0 };
	const char *ttl_text = NULL;
	const struct args_option options[] = {
		{ "roles", 0, ARGS_LIST, &roles },
		{ "logins", 0, ARGS_LIST, &logins },
		{ "ttl", 0, ARGS_TEXT, &ttl_text },
		{ 0 },
	};
	int64_t ttl;
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl_text, &ttl, err);
	if (rc == 0 && create(t, argv[0], &roles, &logins, ttl, err) != 0)
		rc = err_wrap(err, "add user '%s'", argv[0]);
	strlist_deinit(&roles);
	strlist_deinit(&logins);
	return rc;
}

int cmd_users_ls(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"user" };
	int rc = cmd_parse(t, NULL, 0, 0, &argc, argv, err);

	return rc == 0 ? output_list(t, &query, err) : rc;
}

int cmd_users_rm(struct tctl *t, int argc, char **argv, struct err *err)
{
	int rc = cmd_parse(t, NULL, 1, CMD_ANY, &argc, argv, err);

	return rc == 0 ? remove_names(t, "user", argc, argv, err) : rc;
}

int cmd_users_reset(struct tctl *t, int argc, char **argv, struct err *err)
{
	const char *ttl_text = NULL;
	const struct args_option options[] = {
		{ "ttl", 0, ARGS_TEXT, &ttl_text },
		{ 0 },
	};
	pv_ResetUserRequest request = { 0 };
	int rc = cmd_parse(t, options, 1, 1, &argc, argv, err);

	if (rc == 0)
		rc = cmd_ttl(ttl_text, &request.ttl, err);
	if (rc != 0)
		return rc;
	request.name = argv[0];
	if (invite(t, AUTH_RESET_USER, &request, "has no password any more", err) == 0)
		return 0;
	return err_wrap(err, "reset user '%s'", argv[0]);
}

int cmd_users_unlock(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_UnlockUserRequest request;
	int rc = cmd_parse(t, NULL, 1, 1, &argc, argv, err);

	if (rc != 0)
		return rc;
	request.name = argv[0];
	if (api_call(t, AUTH_UNLOCK_USER, &request, NULL, err) != 0)
		return err_wrap(err, "unlock user '%s'", argv[0]);
	fprintf(t->out, "user \"%s\" may try to log in again\n", argv[0]);
	return 0;
}

/* tctl sessions - ls, kill. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/tables.h"

#include "base/err.h"
#include "conf/args.h"

static int add_live(void *listing, const pv_Resource *r, struct err *err)
{
	bool live = r->which_of == pv_Resource_session_tag && r->of.session.spec.ended == 0;

	return live ? listing_add(listing, r, err) : 0;
}

int cmd_sessions_ls(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"session" };
	struct listing *listing = NULL;
	enum listing_format format;
	bool all = false;
	const struct args_option options[] = {
		{ "all", 'a', ARGS_FLAG, &all },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_format(t, LISTING_TEXT, &format, err);
	if (rc != 0)
		return rc;
	listing = listing_new(format, table_of("session"));
	rc = listing != NULL ? api_list(t, &query, all ? listing_add : add_live, listing, err)
	                     : err_set_nomem(err);
	if (rc == 0)
		rc = listing_print(listing, t->out, err);
	listing_free(listing);
	return rc;
}

int cmd_sessions_kill(struct tctl *t, int argc, char **argv, struct err *err)
{
	int rc = cmd_parse(t, NULL, 1, CMD_ANY, &argc, argv, err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		const pv_KillSessionRequest request = { .session_id = argv[i] };

		rc = api_call(t, AUTH_KILL_SESSION, &request, NULL, err);
		if (rc == 0)
			fprintf(t->out, "session \"%s\" is being ended\n", argv[i]);
		else
			err_wrap(err, "end session '%s'", argv[i]);
	}
	return rc;
}

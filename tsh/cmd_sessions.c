/* tsh sessions ls, tsh kube sessions - live sessions, to join; with --all ended ones too, to play.
 */
#include "tsh/api.h"
#include "tsh/cmd.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "model/listing.h"

#include <stdlib.h>
#include <string.h>

static char *copy(const char *s)
{
	return strdup(s != NULL ? s : "");
}

static char *copy_time(int64_t ms)
{
	char text[STR_TIME_SIZE];

	return strdup(ms != 0 ? str_from_time(text, sizeof(text), ms) : "live");
}

static int session_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_Session *s = &r->of.session;

	if (r->which_of != pv_Resource_session_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no session");
	cells[0] = copy_time(s->spec.started);
	cells[1] = copy_time(s->spec.ended);
	cells[2] = copy(s->spec.user);
	cells[3] = copy(s->spec.login);
	cells[4] = copy(s->spec.node_name);
	cells[5] = copy(s->spec.interactive ? "shell" : s->spec.command);
	cells[6] = copy(s->metadata.name);
	return 0;
}

static const struct listing_table session_table = {
	.titles = { "Started", "Ended", "User", "Login", "Node", "Runs", "Session", NULL },
	.row = session_row,
	.name = 6,
};

struct filter {
	struct listing *listing;
	bool all;
	bool kubernetes; /* those in Kubernetes clusters only */
};

static int add(void *arg, const pv_Resource *r, struct err *err)
{
	struct filter *f = arg;
	const pv_SessionSpec *spec = &r->of.session.spec;

	if (r->which_of == pv_Resource_session_tag &&
	    ((!f->all && spec->ended != 0) || (f->kubernetes && str_empty(spec->kube_cluster))))
		return 0;
	return listing_add(f->listing, r, err);
}

static int list(struct tsh *t, struct filter *f, struct err *err)
{
	const struct api_query query = { .kind = "session" };
	struct profile p = { 0 };
	struct api api = { 0 };
	int rc = cmd_open_profile(t, &p, err);

	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = api_list(&api, &query, add, f, err);
	if (rc == 0)
		rc = listing_print(f->listing, stdout, err);
	api_close(&api);
	profile_deinit(&p);
	return rc;
}

/* The words that follow the command are `expected`, NULL for none. */
static int run(struct tsh *t, bool kubernetes, const char *expected, int argc, char **argv,
               struct err *err)
{
	struct filter filter = { .kubernetes = kubernetes };
	enum listing_format format = LISTING_TEXT;
	const char *format_name = NULL;
	const struct args_option options[] = {
		{ "all", 'a', ARGS_FLAG, &filter.all },
		{ "format", 'f', ARGS_TEXT, &format_name },
		{ 0 },
	};
	int rc = cmd_parse(t, options, &argc, argv, err);

	if (rc == 0 &&
	    (argc != (expected != NULL) || (expected != NULL && strcmp(argv[0], expected) != 0)))
		rc = err_set(err, ERR_INVALID, "usage: tsh %s [--all]",
		             kubernetes ? "kube sessions" : "sessions ls");
	if (rc == 0)
		rc = listing_format_parse(format_name, &format, err);
	if (rc == 0 && (filter.listing = listing_new(format, &session_table)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = list(t, &filter, err);
	listing_free(filter.listing);
	return rc;
}

int cmd_sessions(struct tsh *t, int argc, char **argv, struct err *err)
{
	return run(t, false, "ls", argc, argv, err);
}

int cmd_kube_sessions(struct tsh *t, int argc, char **argv, struct err *err)
{
	return run(t, true, NULL, argc, argv, err);
}

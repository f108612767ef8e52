#include "tsh/cmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "tsh/api.h"
#include "tsh/refresh.h"

int cmd_parse(struct tsh *t, const struct args_option *options, int *argc, char **argv,
              struct err *err)
{
	const struct args_option common[] = {
		{ "proxy", 0, ARGS_TEXT, &t->proxy },
		{ "user", 0, ARGS_TEXT, &t->user },
		{ "cluster", 0, ARGS_TEXT, &t->cluster },
		{ 0 },
	};
	const struct args_option *const tables[] = { common, options, NULL };

	return args_parse(tables, 0, argc, argv, err);
}

int cmd_open_own_profile(struct tsh *t, struct profile *out, struct err *err)
{
	int rc = profile_open(out, t->home, t->proxy, err);

	if (rc == 0)
		rc = profile_check_valid(out, clock_wall_ms(t->clock), err);
	return rc;
}

int cmd_find_leaf(struct tsh *t, struct profile *p, const char *leaf, struct err *err)
{
	struct api api = { 0 };
	int rc;

	if (str_in(leaf, p->data.leaves, p->data.leaves_count))
		return 0;
	rc = api_open(&api, t, p, err);
	if (rc == 0)
		rc = refresh_authorities(&api, p, err);
	api_close(&api);
	if (rc == 0 && !str_in(leaf, p->data.leaves, p->data.leaves_count))
		rc = err_set(err, ERR_NOT_FOUND, "no cluster '%s' here ('tsh clusters' lists them)",
		             leaf);
	return rc;
}

int cmd_open_profile(struct tsh *t, struct profile *out, struct err *err)
{
	int rc = cmd_open_own_profile(t, out, err);
	const char *wanted = t->cluster;

	if (rc == 0 && wanted == NULL && !str_empty(out->data.leaf))
		wanted = out->data.leaf;
	if (rc != 0 || wanted == NULL || str_eq(wanted, out->data.cluster))
		return rc;
	rc = cmd_find_leaf(t, out, wanted, err);
	return rc == 0 ? profile_turn_to(out, wanted, err) : rc;
}

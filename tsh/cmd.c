#include "tsh/cmd.h"

#include "base/clock.h"
#include "conf/args.h"

int cmd_parse(struct tsh *t, const struct args_option *options, int *argc, char **argv,
              struct err *err)
{
	const struct args_option common[] = {
		{ "proxy", 0, ARGS_TEXT, &t->proxy },
		{ "user", 0, ARGS_TEXT, &t->user },
		{ 0 },
	};
	const struct args_option *const tables[] = { common, options, NULL };

	return args_parse(tables, 0, argc, argv, err);
}

int cmd_open_profile(struct tsh *t, struct profile *out, struct err *err)
{
	int rc = profile_open(out, t->home, t->proxy, err);

	if (rc == 0)
		rc = profile_check_valid(out, clock_wall_ms(t->clock), err);
	return rc;
}

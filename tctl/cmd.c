#include "tctl/cmd.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"

int cmd_options(struct tctl *t, const struct args_option *options, unsigned flags, int *argc,
                char **argv, struct err *err)
{
	const struct args_option common[] = {
		{ "config", 'c', ARGS_TEXT, &t->config },
		{ "socket", 0, ARGS_TEXT, &t->socket },
		{ "auth-server", 0, ARGS_TEXT, &t->auth_server },
		{ "identity", 'i', ARGS_TEXT, &t->identity },
		{ "format", 0, ARGS_TEXT, &t->format },
		{ 0 },
	};
	const struct args_option *const tables[] = { common, options, NULL };

	return args_parse(tables, flags, argc, argv, err);
}

int cmd_parse(struct tctl *t, const struct args_option *options, int min, int max, int *argc,
              char **argv, struct err *err)
{
	int rc = cmd_options(t, options, 0, argc, argv, err);

	if (rc == 0 && *argc < min)
		rc = err_set(err, ERR_INVALID, "something is missing; see --help");
	if (rc == 0 && *argc > max)
		rc = err_set(err, ERR_INVALID, "'%s' is one word too many; see --help", argv[max]);
	return rc;
}

int cmd_format(const struct tctl *t, enum listing_format otherwise, enum listing_format *out,
               struct err *err)
{
	*out = otherwise;
	return listing_format_parse(t->format, out, err);
}

int cmd_ttl(const char *text, int64_t *out, struct err *err)
{
	*out = 0;
	if (text == NULL || str_to_duration(text, out, err) == 0)
		return 0;
	return err_wrap(err, "--ttl");
}

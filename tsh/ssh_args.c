#include "tsh/ssh_args.h"

#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"

#include <string.h>

#define WITH_VALUE "BbcDEeFIiJLlmOoPpQRSWw"

int ssh_args_own(int argc, char **argv)
{
	int count = 0;

	while (count < argc && strncmp(argv[count], "--", 2) == 0 && argv[count][2] != 0)
		count++;
	return count;
}

/* "-vvL8080:x:80" or "-vp" "22": how many words the option at `word` takes. */
static int words_of(const char *word)
{
	for (const char *p = word + 1; *p != 0; p++) {
		if (strchr(WITH_VALUE, *p) != NULL)
			return p[1] != 0 ? 1 : 2;
	}
	return 1;
}

int ssh_args_host(int argc, char **argv)
{
	int at = 0;

	while (at < argc) {
		if (strcmp(argv[at], "--") == 0)
			return at + 1 < argc ? at + 1 : -1;
		if (argv[at][0] != '-' || argv[at][1] == 0)
			return at;
		at += words_of(argv[at]);
	}
	return -1;
}

int ssh_args_put_id(const char *host, const char *id, char **out, struct err *err)
{
	const char *at = strrchr(host, '@');
	int user = at != NULL ? (int)(at + 1 - host) : 0;

	if (!resource_is_uuid(id))
		return err_set(err, ERR_CORRUPT, "'%s' is not a node's id", id);
	*out = str_printf("%.*s%s", user, host, id);
	return *out != NULL ? 0 : err_set_nomem(err);
}

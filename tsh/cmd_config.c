/* tsh config - the block for ~/.ssh/config that makes ssh, scp, rsync, git and ansible reach nodes.
 */
#include "tsh/cmd.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "tsh/login_files.h"

#include <stdio.h>

int cmd_config(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	struct buf text = { 0 };
	const char *bare = NULL;
	bool all = false;
	const struct args_option options[] = {
		{ "bare", 0, ARGS_TEXT, &bare },
		{ "all", 0, ARGS_FLAG, &all },
		{ 0 },
	};
	int rc = cmd_parse(t, options, &argc, argv, err);

	if (rc == 0)
		rc = profile_open(&p, t->home, t->proxy, err);
	if (rc == 0)
		rc = login_files_ssh_config(&p, t->program, all ? "*" : bare, &text, err);
	if (rc == 0)
		fputs(buf_str(&text), stdout);
	buf_deinit(&text);
	profile_deinit(&p);
	return rc;
}

/* tsh config - the block for ~/.ssh/config that makes ssh, scp, rsync, git and ansible reach nodes.
 */
#include "tsh/cmd.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "tsh/login_files.h"

#include <stdio.h>

/* Leaves by their names only: bare ones are the login's own cluster's. */
static int append_leaves(const struct tsh *t, const struct profile *p, struct buf *out,
                         struct err *err)
{
	struct profile of_leaf = *p; /* borrowed, but for the name */
	int rc = 0;

	of_leaf.own = p->data.cluster;
	for (pb_size_t i = 0; rc == 0 && i < p->data.leaves_count; i++) {
		of_leaf.data.cluster = p->data.leaves[i];
		rc = login_files_ssh_config(&of_leaf, t->program, NULL, out, err);
	}
	return rc;
}

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
		rc = append_leaves(t, &p, &text, err);
	if (rc == 0)
		fputs(buf_str(&text), stdout);
	buf_deinit(&text);
	profile_deinit(&p);
	return rc;
}

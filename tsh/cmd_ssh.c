/*
 * tsh ssh, tsh scp - OpenSSH's own programs with the configuration that the login wrote.
 *
 * Every name is a node's there, so bare names work. "label=value" in place of ssh's host is
 * looked up first: the node's certificate holds its names and no labels.
 */
#include "tsh/api.h"
#include "tsh/cmd.h"

#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "tsh/ssh_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- a host that is a label ----------------------------------------------------------------------
 */

struct found {
	char *id;      /* of the first */
	char *several; /* a line each, when there is more than one */
	int count;
};

static int note(void *arg, const pv_Resource *r, struct err *err)
{
	struct found *f = arg;
	const pv_Node *node = &r->of.node;
	char *more;

	if (r->which_of != pv_Resource_node_tag || node->metadata.name == NULL)
		return 0;
	if (f->count++ == 0 && (f->id = strdup(node->metadata.name)) == NULL)
		return err_set_nomem(err);
	more = str_printf("%s  %s  %s\n", f->several != NULL ? f->several : "", node->metadata.name,
	                  node->spec.hostname != NULL ? node->spec.hostname : "");
	if (more == NULL)
		return err_set_nomem(err);
	free(f->several);
	f->several = more;
	return 0;
}

static int look_up(struct tsh *t, const struct profile *p, char *label, struct found *f,
                   struct err *err)
{
	struct api_query query = { .kind = "node", .labels = &label, .label_count = 1 };
	struct api api = { 0 };
	int rc = api_open(&api, t, p, err);

	if (rc == 0)
		rc = api_list(&api, &query, note, f, err);
	api_close(&api);
	if (rc == 0 && f->count == 0)
		rc = err_set(err, ERR_NOT_FOUND, "no node has the label '%s'", label);
	if (rc == 0 && f->count > 1) {
		printable_write(stderr, f->several);
		rc = err_set(err, ERR_CONFLICT, "%d nodes have the label '%s'; name one of them",
		             f->count, label);
	}
	return rc;
}

/* user@env=prod -> user@UUID, in *out (malloc'ed). */
static int resolve(struct tsh *t, const struct profile *p, const char *host, char **out,
                   struct err *err)
{
	const char *at = strrchr(host, '@');
	const char *name = at != NULL ? at + 1 : host;
	struct found found = { 0 };
	char *label = strdup(name);
	int rc = label != NULL ? look_up(t, p, label, &found, err) : err_set_nomem(err);

	if (rc == 0)
		rc = ssh_args_put_id(host, found.id, out, err);
	free(label);
	free(found.id);
	free(found.several);
	return rc;
}

/* --- running
 * -------------------------------------------------------------------------------------- */

/* Replaces this process; returns only on failure. */
static int run(const char *program, const char *config, int argc, char **argv, struct err *err)
{
	char **all = calloc((size_t)argc + 4, sizeof(*all));
	int n = 0;

	if (all == NULL)
		return err_set_nomem(err);
	all[n++] = (char *)(uintptr_t)program;
	all[n++] = (char *)(uintptr_t) "-F";
	all[n++] = (char *)(uintptr_t)config;
	for (int i = 0; i < argc; i++)
		all[n++] = argv[i];
	fflush(stdout);
	execvp(program, all);
	free(all);
	return err_set_errno(err, ERR_IO, errno, "run '%s'", program);
}

static int open_with_own_options(struct tsh *t, int *argc, char ***argv, struct profile *p,
                                 struct err *err)
{
	int own = ssh_args_own(*argc, *argv);
	int words = own;
	int rc = cmd_parse(t, NULL, &words, *argv, err);

	if (rc == 0 && words > 0)
		rc = err_set(err, ERR_INVALID, "write options of tsh as --name=value");
	*argc -= own;
	*argv += own;
	return rc == 0 ? cmd_open_profile(t, p, err) : rc;
}

int cmd_ssh(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	char *config = NULL, *resolved = NULL;
	int rc = open_with_own_options(t, &argc, &argv, &p, err);
	int host = rc == 0 ? ssh_args_host(argc, argv) : -1;

	if (rc == 0 && host < 0)
		rc = err_set(err, ERR_INVALID, "usage: tsh ssh [user@]host [command]");
	if (rc == 0 && strchr(argv[host], '=') != NULL) {
		rc = resolve(t, &p, argv[host], &resolved, err);
		argv[host] = resolved;
	}
	if (rc == 0 && (config = profile_path(&p, PROFILE_SSH_CONFIG)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = run("ssh", config, argc, argv, err);
	free(resolved);
	free(config);
	profile_deinit(&p);
	return rc;
}

int cmd_scp(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	char *config = NULL;
	int rc = open_with_own_options(t, &argc, &argv, &p, err);

	if (rc == 0 && (config = profile_path(&p, PROFILE_SSH_CONFIG)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = run("scp", config, argc, argv, err);
	free(config);
	profile_deinit(&p);
	return rc;
}

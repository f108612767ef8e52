/*
 * tsh kube - Kubernetes clusters for kubectl: which there are, their contexts, and who the user
 * is, which kubectl asks at each start.
 */
#include "tsh/api.h"
#include "tsh/cmd.h"
#include "tsh/exec_credential.h"
#include "tsh/kube_contexts.h"
#include "tsh/refresh.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "conf/args.h"
#include "crypto/key.h"
#include "model/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- ls ------------------------------------------------------------------------------------------
 */

static char *copy(const char *s)
{
	return strdup(s != NULL ? s : "");
}

static int server_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_Node *server = &r->of.kube_server;

	if (r->which_of != pv_Resource_kube_server_tag)
		return err_set(err, ERR_CORRUPT,
		               "the answer holds something that is no kubeproxyd");
	cells[0] = copy(server->spec.kube_cluster);
	cells[1] = copy(server->spec.hostname);
	cells[2] = listing_labels(server->metadata.labels, server->metadata.labels_count);
	return cells[2] != NULL ? 0 : err_set_nomem(err);
}

static const struct listing_table server_table = {
	.titles = { "Kubernetes Cluster", "Served By", "Labels", NULL },
	.row = server_row,
};

static int ls(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	struct api api = { 0 };
	struct listing *listing = NULL;
	struct api_query query = { .kind = "kube_server" };
	enum listing_format format = LISTING_TEXT;
	const char *format_name = NULL;
	const struct args_option options[] = {
		{ "search", 0, ARGS_TEXT, &query.search },
		{ "format", 'f', ARGS_TEXT, &format_name },
		{ 0 },
	};
	int rc = cmd_parse(t, options, &argc, argv, err);

	query.labels = argv;
	query.label_count = argc;
	if (rc == 0)
		rc = listing_format_parse(format_name, &format, err);
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0 && (listing = listing_new(format, &server_table)) == NULL)
		rc = err_set_nomem(err);
	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = api_list(&api, &query, listing_add, listing, err);
	if (rc == 0)
		rc = listing_print(listing, stdout, err);
	api_close(&api);
	listing_free(listing);
	profile_deinit(&p);
	return rc;
}

/* --- login ---------------------------------------------------------------------------------------
 */

static int use(struct tsh *t, struct profile *p, const struct strlist *clusters, const char *kube,
               struct err *err)
{
	char *name = kube_contexts_name(p, kube);
	int rc = name != NULL ? 0 : err_set_nomem(err);

	if (rc == 0 && !strlist_has(clusters, kube))
		rc = err_set(err, ERR_NOT_FOUND,
		             "no Kubernetes cluster '%s' that you may reach ('tsh kube ls' lists "
		             "them)",
		             kube);
	if (rc == 0)
		rc = kube_contexts_write(t, p, clusters, name, err);
	if (rc == 0)
		printf("kubectl's current context is '%s' now, in '%s'.\n", name,
		       p->data.kubeconfig);
	free(name);
	return rc;
}

static int login(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct strlist clusters = { 0 };
	struct profile p = { 0 };
	struct api api = { 0 };
	int rc = cmd_parse(t, NULL, &argc, argv, err);

	if (rc == 0 && argc != 1)
		rc = err_set(err, ERR_INVALID, "usage: tsh kube login NAME (see: tsh kube ls)");
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0)
		rc = api_open(&api, t, &p, err);
	if (rc == 0)
		rc = kube_contexts_list(&api, &clusters, err);
	if (rc == 0)
		rc = refresh_authorities(&api, &p, err);
	if (rc == 0)
		rc = use(t, &p, &clusters, argv[0], err);
	api_close(&api);
	strlist_deinit(&clusters);
	profile_deinit(&p);
	return rc;
}

/* --- credentials ---------------------------------------------------------------------------------
 */

static int read_key(const struct profile *p, struct buf *out, struct err *err)
{
	struct buf text = { 0 };
	struct key *key = NULL;
	int rc = profile_read(p, PROFILE_KEY, &text, err);

	if (rc == 0)
		rc = key_load(text.data, text.len, &key, err);
	if (rc == 0)
		rc = key_append_pem(key, out, err);
	key_unref(key);
	buf_wipe(&text);
	return rc;
}

/* Only what the files say: no connection is made, nothing renewed. */
static int credentials(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct exec_credential c = { 0 };
	struct profile p = { 0 };
	struct buf key = { 0 }, certificate = { 0 }, text = { 0 };
	int rc = cmd_parse(t, NULL, &argc, argv, err);

	if (rc == 0)
		rc = exec_credential_version(getenv("KUBERNETES_EXEC_INFO"), &c.version, err);
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0)
		rc = profile_read(&p, PROFILE_TLS_CERT, &certificate, err);
	if (rc == 0)
		rc = read_key(&p, &key, err);
	c.certificate = buf_str(&certificate);
	c.key = buf_str(&key);
	c.expires = p.data.valid_until;
	if (rc == 0)
		rc = exec_credential_write(&c, &text, err);
	if (rc == 0)
		fwrite(text.data, 1, text.len, stdout);
	buf_wipe(&text);
	buf_wipe(&key);
	buf_deinit(&certificate);
	profile_deinit(&p);
	return rc;
}

/* --- the words -----------------------------------------------------------------------------------
 */

static const struct {
	const char *word;
	cmd_fn run;
} words[] = {
	{ "ls", ls },
	{ "login", login },
	{ "credentials", credentials },
	{ "sessions", cmd_kube_sessions },
	{ "join", cmd_join },
};

int cmd_kube(struct tsh *t, int argc, char **argv, struct err *err)
{
	for (size_t i = 0; argc > 0 && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(argv[0], words[i].word) == 0)
			return words[i].run(t, argc - 1, argv + 1, err);
	return err_set(err, ERR_INVALID,
	               "usage: tsh kube ls | login NAME | credentials | sessions | join SESSION");
}

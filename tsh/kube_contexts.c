#include "tsh/kube_contexts.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "tsh/api.h"
#include "tsh/kube_file.h"
#include "wire/fields.h"
#include "wire/kubeconfig.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define ASK_MS 5000 /* a login does not wait longer for its Kubernetes clusters */

/* --- which there are -----------------------------------------------------------------------------
 */

static int add_server(void *arg, const pv_Resource *r, struct err *err)
{
	if (r->which_of != pv_Resource_kube_server_tag)
		return err_set(err, ERR_CORRUPT,
		               "the answer holds something that is no kubeproxyd");
	if (str_empty(r->of.kube_server.spec.kube_cluster))
		return 0;
	return strlist_add_new(arg, r->of.kube_server.spec.kube_cluster, err);
}

int kube_contexts_list(struct api *a, struct strlist *out, struct err *err)
{
	const struct api_query query = { .kind = "kube_server" };
	int rc = api_list(a, &query, add_server, out, err);

	strlist_sort(out);
	return rc;
}

/* --- the file ------------------------------------------------------------------------------------
 */

char *kube_contexts_name(const struct profile *p, const char *kube)
{
	return str_printf("%s-%s", p->data.cluster, kube);
}

/* What a change works on. */
struct contexts {
	const struct tsh *tsh;
	const struct profile *profile;
	const struct strlist *clusters;
	struct strlist names; /* of their contexts */
	struct buf authorities;
	const char *current; /* NULL: leave it */
};

static int put(const struct contexts *c, struct value *root, size_t i, struct err *err)
{
	const struct profile *p = c->profile;
	char *server_name = str_printf("%s.kube.%s", c->clusters->items[i], p->data.cluster);
	const struct kubeconfig_entry entry = {
		.name = c->names.items[i],
		.proxy = p->data.proxy,
		.server_name = server_name,
		.authorities = buf_str(&c->authorities),
		.program = c->tsh->program,
		.home = getenv("POSTERN_HOME") != NULL ? c->tsh->home : NULL,
	};
	int rc = server_name != NULL ? kubeconfig_put(root, &entry, err) : err_set_nomem(err);

	free(server_name);
	return rc;
}

static int show_all(void *arg, struct value *root, struct err *err)
{
	const struct contexts *c = arg;
	int rc = kubeconfig_drop(root, c->profile->data.proxy, &c->names, err);

	for (size_t i = 0; rc == 0 && i < c->names.count; i++)
		rc = put(c, root, i, err);
	if (rc == 0 && c->current != NULL)
		rc = kubeconfig_use(root, c->current, err);
	return rc;
}

static int fill(struct contexts *c, struct err *err)
{
	int rc = profile_read(c->profile, PROFILE_CAS, &c->authorities, err);

	for (size_t i = 0; rc == 0 && i < c->clusters->count; i++)
		rc = strlist_take(&c->names, kube_contexts_name(c->profile, c->clusters->items[i]),
		                  err);
	return rc;
}

static int remember(struct profile *p, const char *path, struct err *err)
{
	int rc;

	if (str_eq(p->data.kubeconfig, path))
		return 0;
	rc = fields_set_str(&p->data.kubeconfig, path, err);
	return rc == 0 ? profile_save(p, err) : rc;
}

int kube_contexts_write(const struct tsh *t, struct profile *p, const struct strlist *clusters,
                        const char *current, struct err *err)
{
	struct contexts c = { .tsh = t, .profile = p, .clusters = clusters, .current = current };
	char *path = kube_file_path();
	int rc = path != NULL ? fill(&c, err) : err_set_nomem(err);

	if (rc == 0 && (clusters->count > 0 || access(path, F_OK) == 0))
		rc = kube_file_edit(path, show_all, &c, err);
	if (rc == 0)
		rc = remember(p, clusters->count > 0 ? path : "", err);
	strlist_deinit(&c.names);
	buf_deinit(&c.authorities);
	free(path);
	return rc;
}

int kube_contexts_follow(struct tsh *t, struct profile *p, struct err *err)
{
	struct strlist clusters = { 0 };
	struct api api = { 0 };
	int rc = api_open(&api, t, p, err);

	api.timeout_ms = ASK_MS;
	if (rc == 0)
		rc = kube_contexts_list(&api, &clusters, err);
	if (rc == 0)
		rc = kube_contexts_write(t, p, &clusters, NULL, err);
	api_close(&api);
	strlist_deinit(&clusters);
	return rc != 0 ? err_wrap(err, "Kubernetes clusters for kubectl") : 0;
}

static int drop_all(void *arg, struct value *root, struct err *err)
{
	const struct profile *p = arg;

	return kubeconfig_drop(root, p->data.proxy, NULL, err);
}

int kube_contexts_remove(const struct profile *p, struct err *err)
{
	if (str_empty(p->data.kubeconfig) || access(p->data.kubeconfig, F_OK) != 0)
		return 0;
	return kube_file_edit(p->data.kubeconfig, drop_all, (void *)(uintptr_t)p, err);
}

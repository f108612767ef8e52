#include "proxyd/kube_route.h"

#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/strlist.h"
#include "cache/cache.h"
#include "model/resource.h"

#include <string.h>

#define PREFIX "/kube_servers/"
#define WORD   "kube."

/* How long the Kubernetes cluster's name is that the server name begins with; -1: it is not one of
 * ours. */
static int kube_len(const char *server_name, const char *cluster)
{
	size_t tail = strlen(WORD) + strlen(cluster), len = strlen(server_name);
	const char *at = server_name + len - tail;

	if (len < tail || strncmp(at, WORD, strlen(WORD)) != 0 ||
	    strcasecmp(at + strlen(WORD), cluster) != 0)
		return -1;
	if (at == server_name)
		return 0;
	return at[-1] == '.' && at - server_name > 1 ? (int)(at - server_name) - 1 : -1;
}

bool kube_route_wants(const char *server_name, const char *cluster)
{
	return kube_len(server_name, cluster) >= 0;
}

static const char *kube_of(const pv_Node *server)
{
	return server->spec.kube_cluster != NULL ? server->spec.kube_cluster : "";
}

static bool serves(const pv_Node *server, const char *kube, int len)
{
	return len == 0 ||
	       (strncasecmp(kube_of(server), kube, (size_t)len) == 0 && kube_of(server)[len] == 0);
}

int kube_route_find(const struct cache *cache, const char *server_name, const char *cluster,
                    const struct strlist *tried, const pv_Node **out_server, struct err *err)
{
	int len = kube_len(server_name, cluster);
	const pv_Node *chosen = NULL;
	const char *kube = NULL;
	const pv_Resource *r;
	uint32_t count = 0;
	size_t at = 0;

	while (len >= 0 && (r = cache_next(cache, PREFIX, &at)) != NULL) {
		const pv_Node *server = &r->of.kube_server;

		if (!serves(server, server_name, len))
			continue;
		if (kube != NULL && !str_eq(kube, kube_of(server)))
			return err_set(err, ERR_CONFLICT,
			               "'%s' leaves open which Kubernetes cluster is meant",
			               server_name);
		kube = kube_of(server);
		/* Each is as likely: the n-th replaces the choice once in n times. */
		if (!strlist_has(tried, server->metadata.name) && rand_below(++count) == 0)
			chosen = server;
	}
	if (chosen == NULL)
		return err_set(err, ERR_NOT_FOUND, "no kubeproxyd serves '%s'", server_name);
	*out_server = chosen;
	return 0;
}

const pv_Node *kube_route_host(const struct cache *cache, const char *id)
{
	char key[RESOURCE_KEY_SIZE];
	const pv_Resource *r;
	struct err ignored;

	if (resource_key(key, resource_kind_find("kube_server"), NULL, id, &ignored) != 0)
		return NULL;
	r = cache_get(cache, key);
	return r != NULL ? &r->of.kube_server : NULL;
}

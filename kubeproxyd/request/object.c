#include "kubeproxyd/request/object.h"

#include "base/str.h"
#include "kubeproxyd/request/attributes.h"

#include <string.h>

/* Kinds that roles have words for; others go by the API server's plural. */
static const struct {
	const char *group;
	const char *plural;
	const char *word;
	bool in_none; /* of the whole cluster, in no namespace */
} kinds[] = {
	{ "", "pods", "pod", false },
	{ "", "secrets", "secret", false },
	{ "", "configmaps", "configmap", false },
	{ "", "namespaces", "namespace", true },
	{ "", "services", "service", false },
	{ "", "serviceaccounts", "serviceaccount", false },
	{ "", "nodes", "kube_node", true },
	{ "", "persistentvolumes", "persistentvolume", true },
	{ "", "persistentvolumeclaims", "persistentvolumeclaim", false },
	{ "apps", "deployments", "deployment", false },
	{ "apps", "replicasets", "replicaset", false },
	{ "apps", "statefulsets", "statefulset", false },
	{ "apps", "daemonsets", "daemonset", false },
	{ "rbac.authorization.k8s.io", "clusterroles", "clusterrole", true },
	{ "rbac.authorization.k8s.io", "roles", "kube_role", false },
	{ "rbac.authorization.k8s.io", "clusterrolebindings", "clusterrolebinding", true },
	{ "rbac.authorization.k8s.io", "rolebindings", "rolebinding", false },
	{ "batch", "cronjobs", "cronjob", false },
	{ "batch", "jobs", "job", false },
	{ "certificates.k8s.io", "certificatesigningrequests", "certificatesigningrequest", true },
	{ "networking.k8s.io", "ingresses", "ingress", false },
};

/* What a subresource of a pod lets somebody do, whatever the method is. */
static const struct {
	const char *subresource;
	const char *verb;
} of_pods[] = {
	{ "exec", "exec" },
	{ "attach", "exec" },
	{ "ephemeralcontainers", "exec" },
	{ "portforward", "portforward" },
	{ "proxy", "portforward" },
	{ "log", "get" },
};

static const char *verb_of(const struct attributes *a)
{
	if (a->group[0] == 0 && strcmp(a->kind, "pods") == 0)
		for (size_t i = 0; i < sizeof(of_pods) / sizeof(of_pods[0]); i++)
			if (strcmp(a->subresource, of_pods[i].subresource) == 0)
				return of_pods[i].verb;
	return a->verb;
}

static bool is_about_the_asker(const struct attributes *a)
{
	return str_starts(a->kind, "selfsubject") && str_ends(a->group, ".k8s.io") &&
	       strcmp(a->verb, "create") == 0;
}

bool object_of(const struct attributes *a, struct role_kubernetes_object *out)
{
	bool in_none = false;

	if (!a->resource || is_about_the_asker(a))
		return false;
	*out = (struct role_kubernetes_object){
		.kind = a->kind,
		.group = a->group,
		.name = a->name[0] != 0 ? a->name : NULL,
		.verb = verb_of(a),
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].plural, a->kind) == 0 &&
		    strcmp(kinds[i].group, a->group) == 0) {
			out->kind = kinds[i].word;
			in_none = kinds[i].in_none;
		}
	if (in_none)
		out->namespace = "";
	else
		out->namespace = a->namespace[0] != 0 ? a->namespace : NULL;
	return true;
}

/*
 * kube_route - which kubeproxyd kubectl means by a server name: `<kube>.kube.<cluster>`, or
 * `kube.<cluster>` where there is one Kubernetes cluster only. Several may serve the same one: any
 * will do, and another one if that cannot be reached.
 *
 * Who asks is not known here, nor what the roles say: TLS is with the kubeproxyd, which decides.
 */
#ifndef PROXYD_KUBE_ROUTE_H
#define PROXYD_KUBE_ROUTE_H

#include "proto/resource.pb.h"

#include <stdbool.h>

struct cache;
struct err;
struct strlist;

/* Whether it is such a name in this cluster at all. */
bool kube_route_wants(const char *server_name, const char *cluster);

/*
 * *out_server is borrowed from the cache: one of those that are not in `tried` (host ids).
 * ERR_NOT_FOUND: no (other) one; ERR_CONFLICT: the name leaves open which Kubernetes cluster.
 */
int kube_route_find(const struct cache *cache, const char *server_name, const char *cluster,
                    const struct strlist *tried, const pv_Node **out_server, struct err *err);

/* The kubeproxyd of that host id, whatever it serves; NULL: there is none. */
const pv_Node *kube_route_host(const struct cache *cache, const char *id);

#endif

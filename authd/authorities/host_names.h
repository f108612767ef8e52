/*
 * host_names - which names a host's certificates may carry.
 *
 * Its id always. In SSH also its hostname and addresses, which nodes may share: then a name is
 * ambiguous, and whoever looks it up is told. In TLS the names are proof of who serves, so a
 * node gets its id alone, and only a proxy the names that people reach it by; a kubeproxyd
 * "kube.<cluster>", and below that the names of the Kubernetes clusters that it asks for. Nobody
 * gets the cluster's own names, or another host's id.
 */
#ifndef AUTHD_AUTHORITIES_HOST_NAMES_H
#define AUTHD_AUTHORITIES_HOST_NAMES_H

#include <stddef.h>

struct err;
struct strlist;

#define HOST_ADDRESSES_MAX 16

struct host_names {
	const char *cluster;
	const char *system_role; /* Node, Proxy, Kube */
	const char *host_id;
	const char *hostname;
	char *const *addresses; /* names and IP addresses */
	size_t addresses_count;
};

/* Appends to both lists, each name once. ERR_INVALID: not a name; ERR_DENIED: not this host's. */
int host_names_build(const struct host_names *in, struct strlist *tls, struct strlist *ssh,
                     struct err *err);

#endif

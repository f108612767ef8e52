/*
 * ssh_config - what OpenSSH's programs need to reach nodes: configuration and known hosts.
 *
 * Pure text. Host keys are believed only when the cluster's host authority signed them, and
 * that authority only for names of its own cluster: NAME.CLUSTER.
 */
#ifndef TSH_SSH_CONFIG_H
#define TSH_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

struct ssh_config_spec {
	const char *cluster;
	const char *proxy; /* host:port, as tsh knows it */
	const char *user;  /* of the cluster */
	const char *tsh;   /* path of the program */
	const char *key;   /* paths of the login's files */
	const char *certificate;
	const char *known_hosts;
	/* Bare names that shall mean nodes, as a Host pattern list ("web-* db-1"); NULL: none.
	 * Names that end in the cluster's are always nodes. */
	const char *bare;
	/* Other clusters, whose names are theirs. */
	char *const *others;
	size_t others_count;
};

/* The block for ~/.ssh/config. ERR_INVALID: a value that ssh_config(5) cannot hold. */
int ssh_config_write(struct buf *out, const struct ssh_config_spec *spec, struct err *err);

/* One line for a host authority's key, which is "type base64" without line ends. */
int ssh_config_known_host(struct buf *out, const char *cluster, const char *key, struct err *err);

/* Whether a cluster's name is fit to stand in patterns: a-z, 0-9, ".", "-". */
bool ssh_config_is_cluster(const char *name);

/* "web-1.example" of cluster "example" -> 5, the length of the node's own name. */
size_t ssh_config_node_len(const char *host, const char *cluster);

#endif

/*
 * conf - kubeproxyd's settings. One row per key in conf.c; docs/kubeproxyd.8 has the same table.
 */
#ifndef KUBEPROXYD_CORE_CONF_H
#define KUBEPROXYD_CORE_CONF_H

#include "conf/conf.h"

struct kubeproxyd_conf {
	char *data_dir; /* keys, certificates, cache, events and recordings on their way */
	char *hostname; /* NULL: the machine's */
	struct conf_addr listen;
	char *advertise; /* host:port that proxies dial; NULL: hostname and the listening port */
	struct conf_list public_addrs;
	struct conf_list auth_servers;
	char *join_token_file;
	char *join_ca_pin;
	char *kubeconfig; /* NULL: in a pod */
	char *service_account_dir;
	char *cluster_name;
	struct conf_map labels;
	int64_t max_connections;
	int64_t max_connections_per_addr;
	int64_t max_requests;
	int64_t max_upstream;
	int64_t request_timeout; /* ms that the API server may take for a short request */
	int64_t announce_ttl;    /* ms */
	int64_t spool_max;       /* bytes of recordings that wait for authd */
	char *diag_addr;
};

const struct conf_key *kubeproxyd_conf_keys(void);

#endif

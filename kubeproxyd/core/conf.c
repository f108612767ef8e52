#include "kubeproxyd/core/conf.h"

#include <stddef.h>

#define AT(member) offsetof(struct kubeproxyd_conf, member)

const struct conf_key *kubeproxyd_conf_keys(void)
{
	static const struct conf_key keys[] = {
		{ "data_dir", CONF_PATH, AT(data_dir), "/var/lib/postern/kubeproxyd",
		  "keys, certificates, recordings and events on their way to authd" },
		{ "hostname", CONF_STRING, AT(hostname), NULL,
		  "name of this host; the machine's own unless given" },
		{ "listen", CONF_ADDR, AT(listen), "0.0.0.0:3026", "where kubectl and proxies dial",
		  .min = 3026 },
		{ "advertise", CONF_STRING, AT(advertise), NULL,
		  "host:port that proxies dial; the hostname and the listening port unless given" },
		{ "public_addrs", CONF_LIST, AT(public_addrs), NULL,
		  "more host:port under which it is reached directly" },
		{ "auth_servers", CONF_LIST, AT(auth_servers), "localhost:3025",
		  "host:port of authd, or of a proxy that passes through to it" },
		{ "join.token_file", CONF_PATH, AT(join_token_file), NULL,
		  "file with the join token; read once, at the first start" },
		{ "join.ca_pin", CONF_STRING, AT(join_ca_pin), NULL,
		  "sha256:... of the cluster's authority, as 'tctl status' shows it" },
		{ "kubernetes.cluster_name", CONF_STRING, AT(cluster_name), NULL,
		  "the Kubernetes cluster's name, as people choose it", .required = true },
		{ "kubernetes.kubeconfig", CONF_PATH, AT(kubeconfig), NULL,
		  "how the API server is reached; the pod's service account unless given" },
		{ "kubernetes.service_account_dir", CONF_PATH, AT(service_account_dir),
		  "/var/run/secrets/kubernetes.io/serviceaccount",
		  "token and ca.crt of the pod's service account" },
		{ "labels", CONF_MAP, AT(labels), NULL,
		  "labels of the Kubernetes cluster, by which roles choose it" },
		{ "limits.connections", CONF_INT, AT(max_connections), "4000",
		  "connections at once", .min = 1, .max = 1000000 },
		{ "limits.connections_per_address", CONF_INT, AT(max_connections_per_addr), "1000",
		  "the same from one address; a proxy brings many clients", .min = 1,
		  .max = 1000000 },
		{ "limits.requests", CONF_INT, AT(max_requests), "10000",
		  "requests at once, watches and channels among them", .min = 1, .max = 1000000 },
		{ "limits.upstream", CONF_INT, AT(max_upstream), "2000",
		  "connections to the API server at once", .min = 1, .max = 1000000 },
		{ "request_timeout", CONF_DURATION, AT(request_timeout), "2m",
		  "how long the API server may take to answer what is no watch and no log",
		  .min = 1000, .max = 3600 * 1000 },
		{ "announce_ttl", CONF_DURATION, AT(announce_ttl), "1m",
		  "how long the cluster shows this host after it was last heard of", .min = 2000,
		  .max = 24 * 3600 * 1000 },
		{ "spool.max_size", CONF_SIZE, AT(spool_max), "4GB",
		  "recordings that may wait for authd", .min = 1 << 20, .max = 1LL << 50 },
		{ "diag_addr", CONF_STRING, AT(diag_addr), NULL,
		  "health and metrics: a loopback host:port or unix:/path" },
		{ 0 },
	};

	return keys;
}

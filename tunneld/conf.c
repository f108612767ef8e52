#include "tunneld/conf.h"

#include <stddef.h>

#define AT(member) offsetof(struct tunneld_conf, member)

const struct conf_key *tunneld_conf_keys(void)
{
	static const struct conf_key keys[] = {
		{ "data_dir", CONF_PATH, AT(data_dir), "/var/lib/postern/tunneld",
		  "keys, certificates and the copy of the cluster's state" },
		{ "run_dir", CONF_PATH, AT(run_dir), "/run/postern/tunneld",
		  "where noded finds which agent it is reached through" },
		{ "hostname", CONF_STRING, AT(hostname), NULL,
		  "name in the host certificate; the machine's own unless given" },
		{ "proxies", CONF_LIST, AT(proxies), NULL,
		  "host:port of the cluster's proxies; one, of a load balancer say, is enough",
		  .required = true },
		{ "auth_servers", CONF_LIST, AT(auth_servers), NULL,
		  "host:port of authd; through the proxies unless given" },
		{ "http_proxy", CONF_STRING, AT(http_proxy), NULL,
		  "http://[user:password@]host:port of an HTTP proxy on our way out; \"\": none; "
		  "as "
		  "https_proxy and no_proxy say unless given" },
		{ "join.token_file", CONF_PATH, AT(join_token_file), NULL,
		  "file with the join token; read once, at the first start" },
		{ "join.ca_pin", CONF_STRING, AT(join_ca_pin), NULL,
		  "sha256:... of the cluster's authority, as 'tctl status' shows it" },
		{ "services.node", CONF_STRING, AT(node), "127.0.0.1:3022",
		  "host:port of noded; \"\": nodes are not served" },
		{ "services.kube", CONF_STRING, AT(kube), NULL,
		  "host:port of kubeproxyd; not served unless given" },
		{ "services.auth", CONF_STRING, AT(auth), NULL,
		  "host:port of authd, for another cluster's proxies; not served unless given" },
		{ "services.proxy", CONF_STRING, AT(proxy), NULL,
		  "host:port of our proxy, for those of clusters that ours trusts; the first of "
		  "proxies "
		  "unless given" },
		{ "services.allow", CONF_LIST, AT(allow), NULL,
		  "more host:port that the proxies may ask for, as they spell them" },
		{ "limits.connections", CONF_INT, AT(max_channels), "256",
		  "connections at once through one tunnel", .min = 1, .max = 2000 },
		{ "dial_timeout", CONF_DURATION, AT(dial_timeout), "10s",
		  "how long a proxy or a service may take to answer", .min = 100, .max = 300000 },
		{ "keep_alive", CONF_DURATION, AT(keep_alive), "15s",
		  "how often both ends look for each other; three times in vain, and a tunnel is "
		  "given up",
		  .min = 100, .max = 300000 },
		{ "diag_addr", CONF_STRING, AT(diag_addr), NULL,
		  "health and metrics: a loopback host:port or unix:/path" },
		{ 0 },
	};

	return keys;
}

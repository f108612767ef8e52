#include "proxyd/conf.h"

#include <stddef.h>

#define AT(member) offsetof(struct proxyd_conf, member)

const struct conf_key *proxyd_conf_keys(void)
{
	static const struct conf_key keys[] = {
		{ "data_dir", CONF_PATH, AT(data_dir), "/var/lib/postern/proxyd",
		  "keys, certificates and the copy of the cluster's state" },
		{ "hostname", CONF_STRING, AT(hostname), NULL,
		  "name in the host certificate; the machine's own unless given" },
		{ "public_addrs", CONF_LIST, AT(public_addrs), NULL,
		  "host:port under which people reach this proxy; the first is shown to them" },
		{ "listen", CONF_ADDR, AT(listen), "0.0.0.0:3080", "the one public port",
		  .min = 3080 },
		{ "auth_servers", CONF_LIST, AT(auth_servers), "localhost:3025",
		  "host:port of authd" },
		{ "join.token_file", CONF_PATH, AT(join_token_file), NULL,
		  "file with the join token; read once, at the first start" },
		{ "join.ca_pin", CONF_STRING, AT(join_ca_pin), NULL,
		  "sha256:... of the cluster's authority, as 'tctl status' shows it" },
		{ "web.cert_file", CONF_PATH, AT(web_cert_file), NULL,
		  "certificate chain (PEM) for people and browsers; the host certificate unless "
		  "given" },
		{ "web.key_file", CONF_PATH, AT(web_key_file), NULL, "its private key (PEM)" },
		{ "door.dir", CONF_PATH, AT(door_dir), NULL,
		  "folder for the files of the SSH door's sshd; no SSH door unless given" },
		{ "door.socket", CONF_PATH, AT(door_socket), "/run/postern/proxyd-door/door.sock",
		  "where proxyd-door takes connections" },
		{ "door.helper_socket", CONF_PATH, AT(door_helper_socket),
		  "/run/postern/proxyd/door.sock", "socket where its helper reaches proxyd" },
		{ "door.user", CONF_STRING, AT(door_user), "postern",
		  "Unix user of the SSH door, and the login name that people give" },
		{ "limits.connections", CONF_INT, AT(max_connections), "15000",
		  "connections at once", .min = 1, .max = 1000000 },
		{ "limits.connections_per_address", CONF_INT, AT(max_connections_per_addr), "1000",
		  "connections at once from one address (IPv6: one /64)", .min = 1,
		  .max = 1000000 },
		{ "tunnels.connections", CONF_INT, AT(tunnel_channels), "256",
		  "connections at once through one agent's tunnel", .min = 1, .max = 2000 },
		{ "tunnels.keep_alive", CONF_DURATION, AT(tunnel_keep_alive), "15s",
		  "how often agents are looked for; three times in vain, and a tunnel is given up",
		  .min = 100, .max = 300000 },
		{ "tunnels.peer_addr", CONF_STRING, AT(peer_addr), NULL,
		  "host:port at which the other proxies reach this very one, behind a load "
		  "balancer say; the first of public_addrs unless given" },
		{ "dial_timeout", CONF_DURATION, AT(dial_timeout), "10s",
		  "how long a node may take to answer", .min = 100, .max = 300000 },
		{ "announce_ttl", CONF_DURATION, AT(announce_ttl), "1m",
		  "how long the cluster shows this proxy after it was last heard of", .min = 2000,
		  .max = 24 * 3600 * 1000 },
		{ "diag_addr", CONF_STRING, AT(diag_addr), NULL,
		  "health and metrics: a loopback host:port or unix:/path" },
		{ 0 },
	};

	return keys;
}

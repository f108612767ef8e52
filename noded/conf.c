#include "noded/conf.h"

#include <stddef.h>

#define AT(member) offsetof(struct noded_conf, member)

static const struct conf_key command_keys[] = {
	{ "name", CONF_STRING, offsetof(struct noded_command, name), NULL, "the label's key",
	  .required = true },
	{ "command", CONF_LIST, offsetof(struct noded_command, command), NULL,
	  "program and arguments; what it prints is the label's value", .required = true },
	{ "period", CONF_DURATION, offsetof(struct noded_command, period), "1m",
	  "how often it is run", .min = 1000, .max = 24 * 3600 * 1000 },
	{ 0 },
};

const struct conf_key *noded_conf_keys(void)
{
	static const struct conf_key keys[] = {
		{ "data_dir", CONF_PATH, AT(data_dir), "/var/lib/postern/noded",
		  "keys, certificates, recordings and events on their way to authd" },
		{ "run_dir", CONF_PATH, AT(run_dir), "/run/postern/noded",
		  "sockets, and what is known of live connections and sessions" },
		{ "root_run_dir", CONF_PATH, AT(root_run_dir), "/run/postern/noded-root",
		  "where noded-root is" },
		{ "hostname", CONF_STRING, AT(hostname), NULL,
		  "the node's name; the machine's own unless given" },
		{ "public_addrs", CONF_LIST, AT(public_addrs), NULL,
		  "more host:port under which clients reach this node directly" },
		{ "listen", CONF_ADDR, AT(listen), "0.0.0.0:3022", "where proxies and clients dial",
		  .min = 3022 },
		{ "advertise", CONF_STRING, AT(advertise), NULL,
		  "host:port that proxies dial; the hostname and the listening port unless given" },
		{ "tunnel_agent_file", CONF_PATH, AT(tunnel_agent_file),
		  "/run/postern/tunneld/agent",
		  "where tunneld says which agent it is: while the file is there, the node is "
		  "reached "
		  "through it alone" },
		{ "auth_servers", CONF_LIST, AT(auth_servers), "localhost:3025",
		  "host:port of authd, or of a proxy that passes through to it" },
		{ "join.token_file", CONF_PATH, AT(join_token_file), NULL,
		  "file with the join token; read once, at the first start" },
		{ "join.ca_pin", CONF_STRING, AT(join_ca_pin), NULL,
		  "sha256:... of the cluster's authority, as 'tctl nodes add' prints it" },
		{ "labels", CONF_MAP, AT(labels), NULL, "labels that never change" },
		{ "commands", CONF_BLOCKS, AT(commands), NULL, "labels that commands print",
		  .blocks = command_keys, .block_size = sizeof(struct noded_command) },
		{ "limits.unauthenticated", CONF_INT, AT(max_unauthenticated), "200",
		  "connections that have not logged in yet, in all", .min = 1, .max = 100000 },
		{ "limits.unauthenticated_per_address", CONF_INT, AT(max_unauthenticated_per_addr),
		  "20", "the same from one address", .min = 1, .max = 100000 },
		{ "limits.connections", CONF_INT, AT(max_connections), "10000",
		  "connections at once", .min = 1, .max = 1000000 },
		{ "limits.login_grace", CONF_DURATION, AT(login_grace), "30s",
		  "how long a connection may take to log in", .min = 1000, .max = 600000 },
		{ "announce_ttl", CONF_DURATION, AT(announce_ttl), "1m",
		  "how long the cluster shows this node after it was last heard of", .min = 2000,
		  .max = 24 * 3600 * 1000 },
		{ "spool.max_size", CONF_SIZE, AT(spool_max), "4GB",
		  "recordings that may wait for authd", .min = 1 << 20, .max = 1LL << 50 },
		{ "diag_addr", CONF_STRING, AT(diag_addr), NULL,
		  "health and metrics: a loopback host:port or unix:/path" },
		{ 0 },
	};

	return keys;
}

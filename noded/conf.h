/*
 * conf - noded's settings. One row per key in conf.c; docs/noded.8 has the same table.
 */
#ifndef NODED_CONF_H
#define NODED_CONF_H

#include "conf/conf.h"

struct noded_conf {
	char *data_dir;     /* keys, certificates, cache, spool, events */
	char *run_dir;      /* sockets and what lives as long as the machine is up */
	char *root_run_dir; /* noded-root's */
	char *hostname;     /* NULL: the machine's */
	struct conf_list public_addrs;
	struct conf_addr listen;
	char *tunnel_agent_file; /* NULL or absent: no tunnel */
	char *advertise; /* host:port that proxies dial; NULL: hostname and the listening port */
	struct conf_list auth_servers;
	char *join_token_file;
	char *join_ca_pin;
	struct conf_map labels;
	struct conf_blocks commands; /* struct noded_command */
	int64_t max_unauthenticated;
	int64_t max_unauthenticated_per_addr;
	int64_t max_connections;
	int64_t login_grace;  /* ms that a connection may take to log in */
	int64_t announce_ttl; /* ms */
	int64_t spool_max;    /* bytes of recordings that wait for authd */
	char *diag_addr;
};

/* A label whose value a command prints. */
struct noded_command {
	char *name;
	struct conf_list command;
	int64_t period; /* ms, at least a second */
};

const struct conf_key *noded_conf_keys(void);

#endif

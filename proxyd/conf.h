/*
 * conf - proxyd's settings. One row per key in conf.c; docs/proxyd.8 has the same table.
 */
#ifndef PROXYD_CONF_H
#define PROXYD_CONF_H

#include "conf/conf.h"

struct proxyd_conf {
	char *data_dir;
	char *hostname;                /* NULL: the machine's */
	struct conf_list public_addrs; /* "host:port" under which people reach us; first = shown */
	struct conf_addr listen;
	struct conf_list auth_servers;
	char *join_token_file;
	char *join_ca_pin;
	char *web_cert_file; /* NULL: the host certificate is shown */
	char *web_key_file;
	char *door_dir;           /* files for the door's sshd; NULL: no SSH door */
	char *door_socket;        /* where proxyd-door takes connections */
	char *door_helper_socket; /* where its helper finds us */
	char *door_user;          /* the only Unix user that the helper may be */
	int64_t max_connections;
	int64_t max_connections_per_addr;
	int64_t dial_timeout;
	int64_t announce_ttl;      /* ms */
	int64_t tunnel_channels;   /* of one agent's tunnel */
	int64_t tunnel_keep_alive; /* ms */
	char *peer_addr; /* where other proxies reach us; NULL: the first public address */
	char *diag_addr;
};

/* The table, for the daemon skeleton. */
const struct conf_key *proxyd_conf_keys(void);

#endif

/*
 * conf - tunneld's settings. One row per key in conf.c; docs/tunneld.8 has the same table.
 */
#ifndef TUNNELD_CONF_H
#define TUNNELD_CONF_H

#include "conf/conf.h"

struct tunneld_conf {
	char *data_dir;
	char *run_dir;
	char *hostname;                /* NULL: the machine's */
	struct conf_list proxies;      /* "host:port" */
	struct conf_list auth_servers; /* empty: the proxies, which pass through */
	char *http_proxy;              /* NULL: as the environment says; "": none */
	char *join_token_file;
	char *join_ca_pin;
	char *node; /* the services' addresses; NULL: not served */
	char *kube;
	char *auth;
	char *proxy;
	struct conf_list allow; /* more "host:port" that proxies may ask for */
	int64_t max_channels;   /* of one tunnel */
	int64_t dial_timeout;   /* ms */
	int64_t keep_alive;     /* ms */
	char *diag_addr;
};

/* The table, for the daemon skeleton. */
const struct conf_key *tunneld_conf_keys(void);

#endif

/*
 * conf - tctl's own settings: how it reaches authd. The table in conf.c has names and defaults.
 */
#ifndef TCTL_CONF_H
#define TCTL_CONF_H

#include "conf/conf.h"

struct tctl_conf {
	char *socket;
	char *auth_server; /* NULL: by the socket */
	char *identity;
};

/* The table for conf_load() and its like. */
const struct conf_key *tctl_conf_keys(void);

#define TCTL_CONF_FILE "/etc/postern/tctl.yaml" /* may be absent */

#endif

/*
 * conf - authd's settings; the table in conf.c has names, defaults and meanings.
 */
#ifndef AUTHD_CORE_CONF_H
#define AUTHD_CORE_CONF_H

#include "conf/conf.h"

#include <stdint.h>

/* Times in milliseconds, sizes in bytes. */
struct authd_conf {
	char *cluster_name;
	char *data_dir;
	char *socket;
	char *socket_group; /* "" = leave the group as it is */
	struct conf_list listen;
	struct conf_list public_addrs; /* "host:port" that hosts and people reach us by */
	int64_t cert_ttl;              /* of a user's certificates */
	int64_t host_cert_ttl;
	int64_t backdate;   /* how far back a certificate's start lies, for slow clocks */
	int64_t node_ttl;   /* the longest that a host may be silent before it is forgotten */
	int64_t log_events; /* changes that the keyspace keeps for who resumes a watch */
	int64_t log_age;
	int64_t rotation_spread; /* how long hosts may take to renew after a change of phase */
	int64_t invite_ttl;
	int64_t token_ttl;
	int64_t login_attempts; /* failures that lock a user */
	int64_t login_lock;     /* for how long */
	int64_t max_arriving;   /* connections before TLS is done */
	int64_t max_anonymous;  /* connections without a certificate */
	int64_t anonymous_rate; /* calls a second, per address; 0 = no bound */
	int64_t user_rate;
	int64_t host_rate;
	char *audit_dir;          /* NULL = <data_dir>/audit */
	int64_t audit_keep;       /* how long its files are kept; 0 = for ever */
	char *recordings_dir;     /* NULL = <data_dir>/recordings */
	int64_t recordings_quota; /* 0 = none */
	int64_t recordings_keep;
	char *diag;
};

/* The table for conf_load() and its like. */
const struct conf_key *authd_conf_keys(void);

/* Takes over those of `fresh` that may change while authd runs: numbers and durations. */
void authd_conf_adopt(struct authd_conf *now, const struct authd_conf *fresh);

#endif

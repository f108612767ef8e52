/*
 * authorities - the cluster's two certificate authorities, for users and for hosts, and what it
 * knows of other clusters'.
 *
 * The first start makes them. In the keyspace stands what they are (authority_record.h); what is
 * here follows it: by authorities_reload() after every change, whoever made it.
 */
#ifndef AUTHD_AUTHORITIES_H
#define AUTHD_AUTHORITIES_H

#include "authd/authorities/authority.h"

struct clock;
struct keyspace;
struct strlist;
struct trust;

/* { 0 } is empty. */
struct authorities {
	struct authority *user;
	struct authority *host;
	struct trust *trust; /* who may call: both, and other clusters' as their records are */
	uint64_t others;     /* the newest revision of those */
	size_t others_count;
};

/* Loads both, or makes what is not there yet. Waits for the keyspace: for start-up. */
int authorities_open(struct authorities *all, struct keyspace *ks, const char *cluster,
                     const struct clock *clock, struct err *err);
void authorities_deinit(struct authorities *all);

/* Reads anew what has changed; *out_changed tells whether anything has. On failure all stay as they
 * are. A record of another cluster that cannot be read trusts nobody. */
int authorities_reload(struct authorities *all, struct keyspace *ks, const char *cluster,
                       bool *out_changed, struct err *err);

/* Deep copies of the public halves, user then host, for an answer: *out is malloc'ed, the message
 * that it goes into releases it. */
int authorities_copy(const struct authorities *all, pv_CertAuthority **out, pb_size_t *out_count,
                     struct err *err);

/* The pins ("sha256:...") by which others know the cluster; that of the present key first. */
int authorities_pins(const struct authorities *all, struct strlist *out, struct err *err);

#endif

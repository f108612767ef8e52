/*
 * authorities - the cluster's two certificate authorities, for users and for hosts; each with an
 * X.509 and an SSH key (ECDSA P-256).
 *
 * The first start makes them. Their public halves are resources (/authorities/user/CLUSTER); the
 * private halves lie under /secrets/authorities/ and leave this process never: no call, no watch
 * and no flag hands them out.
 */
#ifndef AUTHD_AUTHORITIES_H
#define AUTHD_AUTHORITIES_H

#include "proto/resource.pb.h"

#include <stdint.h>

struct clock;
struct err;
struct key;
struct keyspace;
struct strlist;
struct x509;
struct x509_set;

struct authority {
	struct key *tls_key;
	struct x509 *tls_cert;
	struct key *ssh_key;
	pv_CertAuthority resource; /* the public half, as everybody may have it */
};

/* { 0 } is empty. */
struct authorities {
	struct authority user;
	struct authority host;
};

/* Loads both, or makes what is not there yet. Waits for the keyspace: for start-up. */
int authorities_open(struct authorities *all, struct keyspace *ks, const char *cluster,
                     const struct clock *clock, struct err *err);
void authorities_deinit(struct authorities *all);

/* Deep copies of the public halves, user then host, for an answer: *out is malloc'ed, the message
 * that it goes into releases it. */
int authorities_copy(const struct authorities *all, pv_CertAuthority **out, pb_size_t *out_count,
                     struct err *err);

/* The pins ("sha256:...") by which others know the cluster. */
int authorities_pins(const struct authorities *all, struct strlist *out, struct err *err);

/* Who may have signed a client's certificate: both. */
int authorities_trust(const struct authorities *all, struct x509_set **out, struct err *err);

#endif

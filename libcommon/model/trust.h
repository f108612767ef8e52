/*
 * trust - whose certificates count here, and for whom their holders are taken.
 *
 * Our own cluster's authorities and those of other clusters stand in records of one kind. Each
 * speaks for the cluster and for the kind of holder that its record names, and for nothing else: an
 * identity of cluster A that was signed by a key of cluster B is nobody's.
 *
 *   ours, a person or host           as the certificate says
 *   another's, a person              PEER_USER "remote-<user>-<cluster>", with those of our roles
 *                                    that the role map of that cluster's record gives; none: denied
 *   another's, some daemons          PEER_REMOTE, with one of the TRUST_ roles below
 *   another's, anybody else          denied
 *
 * Filled first, then shared: once somebody holds a reference, nobody adds. Counted, on the loop.
 */
#ifndef MODEL_TRUST_H
#define MODEL_TRUST_H

#include "model/identity.h"

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct err;
struct pin;
struct sshcert;
struct sshkey;
struct strlist;
struct tls_peer;
struct trust;
struct x509_set;

/* The system roles of PEER_REMOTE, which no certificate holds. */
#define TRUST_ROOT_PROXY  "RemoteProxy"  /* a proxy of a cluster whose people we let in */
#define TRUST_LEAF        "RemoteLeaf"   /* authd of one that lets our people in */
#define TRUST_LEAF_TUNNEL "RemoteTunnel" /* a tunnel's agent of such a one */

/* For the cluster of this name. */
int trust_new(const char *cluster, struct trust **out, struct err *err);
struct trust *trust_ref(struct trust *t); /* returns t */
void trust_unref(struct trust *t);

/* One authority; copied. SSH keys that cannot be read trust nobody. ERR_INVALID: a TLS key that
 * cannot be read, or that is no authority's. */
int trust_add(struct trust *t, const pv_CertAuthority *ca, struct err *err);

const char *trust_cluster(const struct trust *t); /* ours */

/* Who may have signed a client's certificate: all keys of all. Borrowed. */
const struct x509_set *trust_clients(const struct trust *t);

/* Who may have signed the hosts of a cluster; NULL: it is not known. Borrowed. */
const struct x509_set *trust_hosts(const struct trust *t, const char *cluster);

/* The record; NULL: none. `type` is "user" or "host". */
const pv_CertAuthority *trust_authority(const struct trust *t, const char *type,
                                        const char *cluster);

/* A cluster that we know, and whose people we do not let in: one that lets ours in. */
bool trust_is_leaf(const struct trust *t, const char *cluster);

/* Is this the pin of a key, or an SSH key of the user authority, that speaks for the cluster? */
bool trust_has_key(const struct trust *t, const char *type, const char *cluster,
                   const struct pin *key);
bool trust_has_ssh_key(const struct trust *t, const char *cluster, const struct sshkey *key);

/* Lines "type base64" of the SSH keys of all authorities of a type, as sshd's TrustedUserCAKeys
 * has them. Who they let in is asked by trust_ssh_peer() then. */
int trust_append_ssh_keys(const struct trust *t, const char *type, struct buf *out,
                          struct err *err);

/*
 * The peer of a TLS connection; no certificate gives an anonymous one. Release it with
 * peer_deinit(). ERR_UNAUTHENTICATED: an identity that the certificate may not carry, or that has
 * expired; ERR_UNTRUSTED: its key is not, or not any more, that of its cluster; ERR_DENIED: pinned
 * to another address, or of another cluster without a role here.
 */
int trust_tls_peer(const struct trust *t, const struct tls_peer *tls, const char *addr,
                   int64_t now_ms, struct peer *out, struct err *err);

/* The same for an SSH certificate that sshcert_verify() or sshd found signed by the key that it
 * names, and valid now. */
int trust_ssh_peer(const struct trust *t, const struct sshcert *cert, const char *addr,
                   int64_t now_ms, struct peer *out, struct err *err);

/* Does the key of this pin still speak for the holder? For those who were let in before. */
bool trust_holds(const struct trust *t, const pv_Identity *id, const struct pin *key);

/* Appends the roles here of somebody who was let in before, as the role map is now. ERR_DENIED:
 * none any more. */
int trust_roles(const struct trust *t, const pv_Identity *id, struct strlist *out, struct err *err);

/* The same as a whole identity: *out is a shallow copy that borrows its roles from `roles`, which
 * is empty before. Our own cluster's people are as their certificates say. */
int trust_identity_now(const struct trust *t, const pv_Identity *id, struct strlist *roles,
                       pv_Identity *out, struct err *err);

#endif

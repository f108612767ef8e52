/*
 * access - who is asking, and may they be served at all: identities from certificates, roles
 * and locks from the cache. Whether a login is allowed on a node is the node's to decide.
 */
#ifndef PROXYD_ACCESS_H
#define PROXYD_ACCESS_H

#include "model/identity.h"

struct err;
struct proxyd;
struct role_set;
struct sshcert;
struct tls_peer;

/* The peer of a TLS connection. Release with peer_deinit(). Errors as trust_tls_peer()'s: a
 * certificate that counts for nothing here. No certificate gives an anonymous peer. */
int access_tls_peer(const struct proxyd *p, const struct tls_peer *tls, const char *addr,
                    struct peer *out, struct err *err);

/* The same for an SSH certificate that the door's sshd has accepted; it is verified again. */
int access_ssh_peer(const struct proxyd *p, const struct sshcert *cert, const char *addr,
                    struct peer *out, struct err *err);

/* The roles of a user who may be served: ERR_UNAUTHENTICATED for anybody else, ERR_DENIED when
 * locked. role_set_unref() them. */
int access_roles(const struct proxyd *p, const struct peer *peer, struct role_set **out,
                 struct err *err);

/* 0, or ERR_DENIED when a lock in force concerns the peer on this node with this login (NULL: not
 * known). */
int access_check_locks(const struct proxyd *p, const struct peer *peer, const char *node_id,
                       const char *login, struct err *err);

#endif

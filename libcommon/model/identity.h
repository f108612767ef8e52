/*
 * identity - who somebody is, as a certificate says it, and who is at the other end of a
 * connection.
 *
 * An Identity belongs either to a person (user, roles, traits) or to a host of the cluster
 * (system_role, host_id), never to both. It travels as protobuf bytes in one private
 * extension of X.509 certificates and, in base64, in one extension of SSH certificates.
 */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include "proto/identity.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define IDENTITY_SSH_EXTENSION "identity@postern"
#define IDENTITY_BYTES_MAX     16384

#define IDENTITY_ADDRESS_SIZE 48 /* of an address without its port, as text */

/* A principal in every person's SSH certificate: it opens the SSH door of a proxy and nothing
 * else, for no Unix account can have the name. */
#define IDENTITY_DOOR_PRINCIPAL "door@postern"

/* Frees what the message holds and empties it. */
void identity_deinit(pv_Identity *id);

/* A deep copy. `out` must be empty; release it with identity_deinit(). */
int identity_copy(pv_Identity *out, const pv_Identity *id, struct err *err);

/* Appends the bytes of the X.509 extension. ERR_INVALID: neither person nor host, or both. */
int identity_encode(const pv_Identity *id, struct buf *out, struct err *err);

/* Reads them back. Whose word they are, model/trust.h tells. ERR_INVALID: not an
 * identity, too long, or one that no certificate may carry (the local administrator). */
int identity_decode(pv_Identity *out, const uint8_t *bytes, size_t len, struct err *err);

/* The same for the value of the SSH extension. */
int identity_encode_ssh(const pv_Identity *id, struct buf *out, struct err *err);
int identity_decode_ssh(pv_Identity *out, const char *text, size_t len, struct err *err);

/*
 * May it be used from there? An identity that is pinned to an address (client_ip) may be used from
 * no other: ERR_DENIED. `addr` is "192.0.2.7:51234", "[2001:db8::1]:22" or without a port; an IPv4
 * address is the same when it comes mapped into IPv6.
 */
int identity_check_address(const pv_Identity *id, const char *addr, struct err *err);

/* "192.0.2.7" of "192.0.2.7:51234", "2001:db8::1" of "[2001:db8::1]:22", as an identity is pinned
 * to. ERR_INVALID: not an address ("unix"). */
int identity_address(const char *addr, char out[IDENTITY_ADDRESS_SIZE], struct err *err);

/* The common name that the certificate of this identity must have: the user, or
 * "<host_id>.<cluster>". malloc'ed; NULL when memory runs out. */
char *identity_common_name(const pv_Identity *id);

enum peer_kind {
	PEER_ANONYMOUS, /* showed no certificate: may find, log in and join */
	PEER_HOST,      /* a daemon of the cluster */
	PEER_USER,      /* a person, of another cluster too (identity.cluster) */
	PEER_REMOTE,    /* a daemon of another cluster, as model/trust.h has it */
	PEER_ADMIN,     /* on authd's unix socket, which only root and postern-admin may open */
};

/* Who is at the other end. { 0 } is an anonymous peer. */
struct peer {
	enum peer_kind kind;
	pv_Identity identity; /* empty for PEER_ANONYMOUS; `admin` is set for PEER_ADMIN */
	char addr[64];        /* "192.0.2.7:51234", "unix" */
};

/* Fills an empty peer. Whom a certificate makes one: model/trust.h. */
int peer_admin(struct peer *out, const char *local_user, struct err *err);
void peer_deinit(struct peer *p);

bool peer_is_host(const struct peer *p, const char *system_role);

/* A name for logs and audit: the user, "<host_id>.<cluster>", "anonymous". Returns dst. */
char *peer_name(const struct peer *p, char *dst, size_t size);

#define PEER_NAME_SIZE 512

#endif

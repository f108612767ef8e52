/*
 * credentials - what makes a host a member of the cluster: two private keys, its certificates,
 * and the authorities it trusts; as objects, and as files in its state folder.
 *
 *   tls.key          PEM, 0600; made once
 *   ssh_host_key     PEM, 0600, as sshd reads it; made once
 *   ssh_host_key-cert.pub
 *   credentials      the last JoinResponse, protobuf, 0600: certificates and authorities
 *   session          of TLS, a secret, 0600: authd is reached again without a full handshake
 *
 * What other clusters' authorities there are, the cluster's state says anew at each start
 * (credentials_store_authority); the file does not keep them.
 *
 * The keys are written before they are certified, the rest in one atomic replacement, so a crash
 * leaves a host that has joined or one that has not.
 */
#ifndef DAEMON_CREDENTIALS_H
#define DAEMON_CREDENTIALS_H

#include "daemon/credentials_parts.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct key;
struct x509;
struct x509_set;

struct credentials {
	char *dir;
	struct key *tls_key;
	struct key *ssh_key;
	bool joined; /* what follows is there */
	pv_JoinResponse answer;
	struct credentials_parts parts;
	int64_t not_before_ms; /* of its certificate */
	int64_t not_after_ms;
};

/* Loads what is in the folder (made with mode 0700 if need be), or makes keys. ERR_CORRUPT names
 * the file to look at. */
int credentials_open(struct credentials *c, const char *dir, struct err *err);
void credentials_deinit(struct credentials *c);

/* Takes a new answer of authd over, on disk and in memory; on failure the old ones stay. The
 * message's content is copied; of an authority that we know already, the newer revision stays.
 * ERR_INVALID: it does not fit our key, holds no authority or is not signed by it. */
int credentials_store(struct credentials *c, const pv_JoinResponse *answer, struct err *err);

/* The same for one authority that changed, unless we know a newer revision of it. Our certificates
 * may not be of its keys any more (parts.trusted). */
int credentials_store_authority(struct credentials *c, const pv_CertAuthority *ca, struct err *err);

/* Another cluster's is not trusted any more. Ours are never dropped. */
int credentials_drop_authority(struct credentials *c, const char *type, const char *cluster,
                               struct err *err);

/* Public keys for a call to authd; malloc'ed texts in *out_ssh (authorized_keys form) and *out_tls
 * (PEM). */
int credentials_public_keys(const struct credentials *c, char **out_ssh, char **out_tls,
                            struct err *err);

#define CREDENTIALS_PATH_MAX 512

/* "<dir>/<name>" into `out`. Returns out. */
char *credentials_path(const struct credentials *c, const char *name,
                       char out[CREDENTIALS_PATH_MAX]);

#endif

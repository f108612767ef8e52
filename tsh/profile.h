/*
 * profile - what a login leaves in ~/.tsh, and how it is found again.
 *
 *   current                      name of the profile in use
 *   NAME.yaml                    proxy, cluster, user, roles, until when
 *   keys/NAME/USER               private key (OpenSSH's form, then PEM)
 *   keys/NAME/USER.pub           its public half
 *   keys/NAME/USER-cert.pub      SSH certificate
 *   keys/NAME/USER-x509.pem      X.509 certificate
 *   keys/NAME/USER.session       TLS session, to resume
 *   keys/NAME/USER.ssh_config    for tsh ssh and tsh scp
 *   keys/NAME/cas.pem            the cluster's X.509 host authorities
 *   keys/NAME/known_hosts        its SSH host authority, and those of its leaves, each for its own
 * names keys/NAME/LEAF.cas.pem       a leaf's X.509 host authorities keys/NAME/USER.LEAF.ssh_config
 *
 * NAME is the proxy's host, with _PORT behind it unless that is 3080. Folders are 0700, files
 * 0600 and replaced whole.
 */
#ifndef TSH_PROFILE_H
#define TSH_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/profile.pb.h"

struct buf;
struct err;

#define PROFILE_DEFAULT_PORT "3080"

enum profile_file {
	PROFILE_KEY,
	PROFILE_PUB,
	PROFILE_SSH_CERT,
	PROFILE_TLS_CERT,
	PROFILE_SESSION,
	PROFILE_SSH_CONFIG,
	PROFILE_CAS,
	PROFILE_KNOWN_HOSTS,
};

struct profile {
	char *home;      /* ~/.tsh */
	char *name;      /* of the files */
	pv_Profile data; /* proxy with its port, always */
	char *own;       /* the login's cluster, while data.cluster is a leaf of it; NULL else */
};

/* "example.com" -> "example.com:3080"; ERR_INVALID: not host or host:port. free() *out. */
int profile_proxy_parse(const char *text, char **out, struct err *err);

/* A new one, nothing of it on disk. */
int profile_init(struct profile *out, const char *home, const char *proxy, const char *user,
                 struct err *err);

/* The one of `proxy`, or the current one if that is NULL. ERR_NOT_FOUND: not logged in, with
 * what to do about it. */
int profile_open(struct profile *out, const char *home, const char *proxy, struct err *err);
void profile_deinit(struct profile *p);

/* Writes NAME.yaml and makes it the current one. */
int profile_save(const struct profile *p, struct err *err);

/* From here on the profile is one of that leaf: data.cluster, and the files that differ. What is
 * saved stays as it was. ERR_INVALID: it cannot be a cluster's name. */
int profile_turn_to(struct profile *p, const char *leaf, struct err *err);

/* Removes the login's files; current is another or none then. */
int profile_remove(struct profile *p, struct err *err);

/* ERR_UNAUTHENTICATED with what to do, when the certificates ran out. */
int profile_check_valid(const struct profile *p, int64_t now_ms, struct err *err);

/* Where a file is; free() it; NULL when memory runs out. */
char *profile_path(const struct profile *p, enum profile_file file);

int profile_read(const struct profile *p, enum profile_file file, struct buf *out, struct err *err);
int profile_write(const struct profile *p, enum profile_file file, const void *data, size_t len,
                  struct err *err);

#endif

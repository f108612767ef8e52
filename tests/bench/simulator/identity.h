/*
 * identity - certificates for the simulated: files for one client, or a whole herd of hosts that
 * join through authd's unix socket, each under its own id, all with one key (making 10,000 of them
 * would take longer than the measurement).
 */
#ifndef SIMULATOR_IDENTITY_H
#define SIMULATOR_IDENTITY_H

#include "base/rand.h"

#include <stddef.h>

#include <uv.h>

struct err;
struct tls_conf;
struct x509_set;

int identity_trust(const char *ca_file, struct x509_set **out, struct err *err);

/* A client that shows the certificate of these files. */
int identity_of_files(const char *cert_file, const char *key_file, const struct x509_set *trust,
                      struct tls_conf **out, struct err *err);

struct identity {
	char id[RAND_UUID_SIZE]; /* the host's */
	struct tls_conf *tls;
};

/* What they are, and what their connections are for. */
struct identity_kind {
	const char *system_role;
	const char *const *alpn;
};

/* Joins `count` hosts with one reusable token; runs the loop until that is done. */
int identity_join(uv_loop_t *loop, const char *socket, const char *token,
                  const struct identity_kind *kind, const struct x509_set *trust,
                  struct identity *out, size_t count, struct err *err);

#endif

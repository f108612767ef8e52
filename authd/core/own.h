/*
 * own - authd as a host of its own cluster: its id and key, made once and kept under
 * /secrets/authd/, and the certificate that it gives itself.
 */
#ifndef AUTHD_CORE_OWN_H
#define AUTHD_CORE_OWN_H

#include "base/rand.h"

#include <stdint.h>

struct authd_conf;
struct authority;
struct err;
struct key;
struct keyspace;
struct x509;

struct own {
	char id[RAND_UUID_SIZE];
	struct key *key;
};

/* Loads both or makes them. Waits for the keyspace: for start-up. */
int own_open(struct own *own, struct keyspace *ks, struct err *err);
void own_deinit(struct own *own);

/*
 * A host certificate of system role Auth, signed by the host authority: for "authd",
 * "auth.<cluster>", this machine's name, localhost, and every address that the settings name.
 */
int own_issue(const struct own *own, const struct authd_conf *conf, const struct authority *host,
              int64_t now_ms, struct x509 **out, struct err *err);

#endif

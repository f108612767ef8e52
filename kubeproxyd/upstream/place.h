/*
 * place - where an API server is and how we prove who we are to it: the current context of a
 * kubeconfig file, or what a pod's service account has.
 *
 * Understood are certificates and keys (inline or files, as are the authorities) and tokens (inline
 * or a file, which is read anew as it rotates). What would need another program or would weaken the
 * connection is refused with a sentence: exec and auth-provider plugins, passwords, impersonation,
 * insecure-skip-tls-verify, proxy-url, plain http.
 */
#ifndef KUBEPROXYD_UPSTREAM_PLACE_H
#define KUBEPROXYD_UPSTREAM_PLACE_H

#include <stddef.h>

struct err;
struct key;
struct x509;
struct x509_set;

#define PLACE_CHAIN_MAX 8
#define PLACE_TOKEN_MAX 65536

/* { 0 } is empty. */
struct place {
	char *addr;        /* "10.96.0.1:443", "[::1]:6443", as loop/dial.h takes it */
	char *host;        /* the Host header: "api.example.com:6443" */
	char *path;        /* in front of every target: "" or "/k8s/clusters/c-1" */
	char *server_name; /* that its certificate must have */
	struct x509_set *trust;
	struct x509 **chain; /* our certificate; NULL: none */
	size_t chain_len;
	struct key *key;
	char *token;      /* NULL: none; of token_file as it was read last */
	char *token_file; /* NULL: a token in the file itself, or none */
};

void place_deinit(struct place *k); /* secrets are wiped */

/* From a file. Errors name it and what is missing: ERR_NOT_FOUND, ERR_INVALID, ERR_UNSUPPORTED. */
int place_load(struct place *out, const char *path, struct err *err);

/* A pod's: KUBERNETES_SERVICE_HOST and _PORT as `host` and `port`, "token" and "ca.crt" in `dir`.
 * ERR_NOT_FOUND: not in a pod. */
int place_of_pod(struct place *out, const char *host, const char *port, const char *dir,
                 struct err *err);

/* Reads the token's file again, where there is one; the old token stays on failure. */
int place_reread_token(struct place *k, struct err *err);

#endif

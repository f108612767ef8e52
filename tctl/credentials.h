/*
 * credentials - a key with its certificates in files, in the forms that other programs read.
 *
 *   file        FILE: everything in one, for tctl -i (tctl/identity.h)
 *   openssh     FILE, FILE.pub, FILE-cert.pub: ssh -i FILE
 *   tls         FILE.key, FILE.crt, FILE.cas: for whatever speaks TLS
 *   kubernetes  FILE: a kubeconfig whose server is the proxy
 */
#ifndef TCTL_CREDENTIALS_H
#define TCTL_CREDENTIALS_H

#include "proto/auth.pb.h"

#include <stdbool.h>

struct err;
struct key;

struct credentials {
	const struct key *key;
	const pv_LoginResponse *answer;
	const char *proxy;        /* "proxy.example.com:3080", for a kubeconfig */
	const char *kube_cluster; /* which Kubernetes behind it; NULL: any, where there is one */
};

struct credentials_format {
	const char *name;
	const char *const *suffixes; /* of the files that it makes; NULL-ended */
	bool needs_proxy;
	int (*write)(const struct credentials *c, const char *file, struct err *err);
};

/* NULL: "file". ERR_INVALID with a list of the formats. */
int credentials_format_find(const char *name, const struct credentials_format **out,
                            struct err *err);

/* ERR_EXISTS: one of the files that would be written is there. */
int credentials_check_free(const struct credentials_format *format, const char *file,
                           struct err *err);

#endif

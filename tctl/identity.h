/*
 * identity - a file that proves who we are to an authd elsewhere, and says whom to believe: PEM
 * blocks of a private key, its certificate, then the certificates of the cluster's authorities.
 * `tctl auth sign` writes one. Text between the blocks (an SSH certificate) is skipped.
 */
#ifndef TCTL_IDENTITY_H
#define TCTL_IDENTITY_H

struct err;
struct tls_conf;

/* A client's TLS configuration for gRPC. ERR_NOT_FOUND, ERR_INVALID with the file's name;
 * ERR_DENIED: others than the owner may read the file. */
int identity_tls(const char *file, struct tls_conf **out, struct err *err);

#endif

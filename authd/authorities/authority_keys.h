/*
 * authority_keys - makes what an authority signs with: an X.509 and an SSH key (ECDSA P-256), and
 * in a rotation the certificates by which its two keys vouch for each other.
 */
#ifndef AUTHD_AUTHORITIES_AUTHORITY_KEYS_H
#define AUTHD_AUTHORITIES_AUTHORITY_KEYS_H

#include "proto/resource.pb.h"

#include <stdint.h>

struct err;
struct key;
struct x509;

/* A pair of keys with their private halves and the certificate of the authority's name, valid from
 * a while before `now`. On failure *out is empty. */
int authority_keys_make(const char *type, const char *cluster, int64_t now, pv_CaKeys *out,
                        struct err *err);

/* Each X.509 key certifies the other: who knows one by its pin believes the other. */
int authority_keys_cross(pv_CaKeys *one, pv_CaKeys *two, struct err *err);

/* Reads the first X.509 pair. The results are the caller's. ERR_CORRUPT: it is not whole. */
int authority_keys_load_tls(const pv_CaKeys *keys, struct key **out_key, struct x509 **out_cert,
                            struct err *err);

#endif

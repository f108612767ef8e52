/*
 * login_files - from authd's answer to a login to the files of the profile.
 *
 * What comes over the wire is checked before it is written: the certificates are for our key,
 * the authorities are keys and certificates, the cluster's name fits into a pattern.
 */
#ifndef TSH_LOGIN_FILES_H
#define TSH_LOGIN_FILES_H

#include "tsh/profile.h"

#include "proto/auth.pb.h"

struct err;
struct key;

/* Fills p->data from the answer and writes all files, the profile itself last, so that a login
 * that was cut off in the middle is not taken for one. `tsh`: our own path. ERR_CORRUPT. */
int login_files_write(struct profile *p, const struct key *key, const pv_LoginResponse *answer,
                      const char *tsh, struct err *err);

/* Whom to believe is the host of a name: the keys, in use and still trusted, of the host
 * authorities among `list`, each for its own cluster's names: the profile's files, and those of
 * each leaf. Notes the leaves; saves what is news. `tsh`: our own path. ERR_CORRUPT. */
int login_files_authorities(struct profile *p, const char *tsh, const pv_CertAuthority *list,
                            size_t count, struct err *err);

/* The ssh_config block of a profile; `bare` as in ssh_config.h. Appends. */
struct buf;
int login_files_ssh_config(const struct profile *p, const char *tsh, const char *bare,
                           struct buf *out, struct err *err);

#endif

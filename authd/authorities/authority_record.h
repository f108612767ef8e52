/*
 * authority_record - authorities in the keyspace: the public half as a resource that everybody may
 * have, /authorities/TYPE/CLUSTER, and the whole under /secrets/, which leaves this process never.
 * Both halves are always written together.
 */
#ifndef AUTHD_AUTHORITIES_AUTHORITY_RECORD_H
#define AUTHD_AUTHORITIES_AUTHORITY_RECORD_H

#include "base/buf.h"
#include "model/resource.h"
#include "proto/resource.pb.h"
#include "store/keyspace.h"

#include <stdint.h>

struct err;

/* The whole record, for fields_release(). ERR_NOT_FOUND: there is none yet. */
int authority_record_read(struct keyspace *ks, const char *type, const char *cluster,
                          pv_CertAuthority *out, uint64_t *out_revision, struct err *err);

/* A copy without any private half. */
int authority_record_public(const pv_CertAuthority *secret, pv_CertAuthority *out, struct err *err);

/* What the operations below borrow. */
struct authority_write {
	char keys[2][RESOURCE_KEY_SIZE];
	struct buf bytes[2];
};

/* The two operations that store the record over the one of `revision`, or as a new one (0); fields
 * that a newer program stored are kept. authority_write_deinit() in any case. */
int authority_record_ops(struct keyspace *ks, const pv_CertAuthority *secret, uint64_t revision,
                         struct authority_write *w, struct keyspace_op ops[2], struct err *err);
void authority_write_deinit(struct authority_write *w);

#endif

/*
 * mfa - people's second factor: the devices that show codes (crypto/totp.h), and whether this
 * cluster asks for one (cluster_auth_preference).
 *
 * A good code is used up by a write that fails when somebody used it meanwhile: nothing is allowed
 * before that write has succeeded.
 */
#ifndef AUTHD_PEOPLE_MFA_H
#define AUTHD_PEOPLE_MFA_H

#include "authd/core/secrets.h"

#include "base/buf.h"
#include "proto/auth.pb.h"
#include "proto/secrets.pb.h"
#include "store/keyspace.h"

#include <stdbool.h>

struct authd;
struct err;

enum mfa_policy { MFA_OFF, MFA_OPTIONAL, MFA_REQUIRED };

#define MFA_DEVICES_MAX 8

/* Off while there is no record that says otherwise; a record that cannot be read is a failure. */
int mfa_policy(struct authd *a, enum mfa_policy *out, struct err *err);

/* "off", "optional" or "otp". */
const char *mfa_policy_name(enum mfa_policy policy);

/* The operation that uses a code up; mfa_use_deinit() when it is written. */
struct mfa_use {
	struct keyspace_op op;
	char key[SECRETS_KEY_SIZE]; /* of the device */
	struct buf bytes;
};

/* Whose code it is. ERR_NOT_FOUND: they have no device; ERR_DENIED: it is of none of them. */
int mfa_check(struct authd *a, const char *user, const char *code, struct mfa_use *out,
              struct err *err);
void mfa_use_deinit(struct mfa_use *u);

/* Calls fn for each of the user's devices until it returns something else than 0. */
int mfa_each(struct authd *a, const char *user,
             int (*fn)(void *arg, const char *key, const pv_StoredMfaDevice *device,
                       uint64_t revision),
             void *arg, struct err *err);

/* The operation that puts a new device whose first good code was of `step`. There must be none of
 * its name. `key` and `bytes` (to be wiped) live until it is written. */
int mfa_add_op(struct authd *a, const char *user, const char *name, const pb_bytes_array_t *otp_key,
               int64_t step, char key[SECRETS_KEY_SIZE], struct buf *bytes, struct keyspace_op *out,
               struct err *err);

/* What an app reads; fields_release() it. */
int mfa_enrollment(struct authd *a, const char *user, const pb_bytes_array_t *otp_key,
                   pv_MfaEnrollment *out, struct err *err);

#endif

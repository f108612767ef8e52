#include "authd/people/mfa.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/base32.h"
#include "crypto/totp.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/secrets.fields.h"

#include <string.h>

/* --- whether a code is asked for ------------------------------------------------------------- */

static const struct {
	const char *name;
	enum mfa_policy policy;
} policies[] = {
	{ "off", MFA_OFF },
	{ "optional", MFA_OPTIONAL },
	{ "otp", MFA_REQUIRED },
	{ "on", MFA_REQUIRED },
};

int mfa_policy(struct authd *a, enum mfa_policy *out, struct err *err)
{
	const char *name;
	pv_Resource r;
	int rc = resource_load(a, resource_kind_find("cluster_auth_preference"), NULL,
	                       "cluster-auth-preference", &r, err);

	*out = MFA_OFF;
	if (rc != 0)
		return rc == ERR_NOT_FOUND ? 0 : rc;
	name = r.of.cluster_auth_preference.spec.second_factor;
	rc = str_empty(name) ? 0 : ERR_UNSUPPORTED;
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++)
		if (str_eq(name, policies[i].name)) {
			*out = policies[i].policy;
			rc = 0;
		}
	if (rc != 0)
		err_set(err, rc, "the cluster's second_factor '%s' is not known here", name);
	resource_deinit(&r);
	return rc;
}

const char *mfa_policy_name(enum mfa_policy policy)
{
	return policies[policy].name;
}

/* --- devices --------------------------------------------------------------------------------- */

struct walk {
	int (*fn)(void *arg, const char *key, const pv_StoredMfaDevice *device, uint64_t revision);
	void *arg;
	struct err *err;
};

static int on_item(void *arg, const struct keyspace_item *item)
{
	struct walk *w = arg;
	pv_StoredMfaDevice device;
	int rc = fields_decode(&pv_StoredMfaDevice_table, item->value, item->len, &device, w->err);

	if (rc != 0)
		return rc;
	rc = w->fn(w->arg, item->key, &device, item->revision);
	fields_release(&pv_StoredMfaDevice_table, &device);
	return rc;
}

int mfa_each(struct authd *a, const char *user,
             int (*fn)(void *arg, const char *key, const pv_StoredMfaDevice *device,
                       uint64_t revision),
             void *arg, struct err *err)
{
	char prefix[SECRETS_KEY_SIZE];
	const struct keyspace_query query = { .prefix = secrets_mfa_key(prefix, user, "") };
	struct walk walk = { fn, arg, err };

	return keyspace_each(a->keyspace, &query, on_item, &walk, NULL, err);
}

struct search {
	const char *code;
	int64_t now;
	int devices;
	struct mfa_use *out;
	struct err *err;
};

#define FOUND (-1)

/* Whose code it is: that device, with the code's step as the last one used. */
static int try_device(void *arg, const char *key, const pv_StoredMfaDevice *device,
                      uint64_t revision)
{
	struct search *s = arg;
	pv_StoredMfaDevice used = *device; /* its parts are borrowed */
	struct err wrong;

	s->devices++;
	if (device->key == NULL ||
	    totp_check(device->key->bytes, device->key->size, s->code, s->now, device->last_step,
	               &used.last_step, &wrong) != 0)
		return 0;
	str_copy(s->out->key, sizeof(s->out->key), key);
	if (secrets_put_op(&s->out->op, s->out->key, &pv_StoredMfaDevice_table, &used, 0,
	                   &s->out->bytes, s->err) != 0)
		return s->err->code;
	s->out->op.condition = KEYSPACE_IF_REVISION;
	s->out->op.revision = revision;
	return FOUND;
}

int mfa_check(struct authd *a, const char *user, const char *code, struct mfa_use *out,
              struct err *err)
{
	struct search s = { code != NULL ? code : "", authd_now(a), 0, out, err };
	int rc;

	*out = (struct mfa_use){ 0 };
	rc = mfa_each(a, user, try_device, &s, err);
	if (rc == FOUND)
		return 0;
	if (rc != 0)
		return rc;
	if (s.devices == 0)
		return err_set(err, ERR_NOT_FOUND, "'%s' has no device for a second factor", user);
	return err_set(err, ERR_DENIED, "the code is wrong, too old, or was used");
}

void mfa_use_deinit(struct mfa_use *u)
{
	buf_wipe(&u->bytes);
}

int mfa_add_op(struct authd *a, const char *user, const char *name, const pb_bytes_array_t *otp_key,
               int64_t step, char key[SECRETS_KEY_SIZE], struct buf *bytes, struct keyspace_op *out,
               struct err *err)
{
	const pv_StoredMfaDevice device = {
		.name = (char *)(uintptr_t)name,
		.key = (pb_bytes_array_t *)(uintptr_t)otp_key,
		.last_step = step,
		.added = authd_now(a),
	};

	secrets_mfa_key(key, user, name);
	if (secrets_put_op(out, key, &pv_StoredMfaDevice_table, &device, 0, bytes, err) != 0)
		return err->code;
	out->condition = KEYSPACE_IF_ABSENT;
	return 0;
}

/* --- enrolling ------------------------------------------------------------------------------- */

int mfa_enrollment(struct authd *a, const char *user, const pb_bytes_array_t *otp_key,
                   pv_MfaEnrollment *out, struct err *err)
{
	struct buf uri = { 0 }, key = { 0 };
	int rc;

	*out = (pv_MfaEnrollment){ 0 };
	totp_append_uri(&uri, a->conf.cluster_name, user, otp_key->bytes, otp_key->size);
	base32_append(&key, otp_key->bytes, otp_key->size);
	rc = buf_check(&uri, err);
	if (rc == 0)
		rc = buf_check(&key, err);
	if (rc == 0)
		rc = fields_set_str(&out->uri, buf_str(&uri), err);
	if (rc == 0)
		rc = fields_set_str(&out->key, buf_str(&key), err);
	if (rc != 0)
		fields_release(&pv_MfaEnrollment_table, out);
	buf_wipe(&uri);
	buf_wipe(&key);
	return rc;
}

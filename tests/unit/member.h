/*
 * member - what authd answers to a host that joins or renews, for tests of credentials and host.
 */
#ifndef TESTS_UNIT_MEMBER_H
#define TESTS_UNIT_MEMBER_H

#include "base/buf.h"
#include "base/err.h"
#include "daemon/credentials.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#include <string.h>

#define MEMBER_ID      "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"
#define MEMBER_CLUSTER "example.com"

static inline void member_check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->msg);
}

static inline void member_authority(pv_CertAuthority *out, const char *type, const char *ssh_key,
                                    const struct pki *pki)
{
	struct buf pem = { 0 };
	struct err err = { 0 };

	*out = (pv_CertAuthority){ .has_spec = true };
	out->spec.has_active_keys = true;
	member_check(fields_set_str(&out->spec.type, type, &err), &err);
	member_check(fields_set_str(&out->spec.cluster_name, MEMBER_CLUSTER, &err), &err);
	out->spec.active_keys.tls = calloc(1, sizeof(*out->spec.active_keys.tls));
	out->spec.active_keys.tls_count = 1;
	out->spec.active_keys.ssh = calloc(1, sizeof(*out->spec.active_keys.ssh));
	out->spec.active_keys.ssh_count = 1;
	x509_append_pem(pki->ca, &pem);
	member_check(fields_set_str(&out->spec.active_keys.tls[0].cert, buf_str(&pem), &err), &err);
	member_check(fields_set_str(&out->spec.active_keys.ssh[0].public_key, ssh_key, &err), &err);
	buf_deinit(&pem);
}

/* A certificate of `hosts` for that key, and both authorities. Release it by its table. */
static inline void member_answer(pv_JoinResponse *out, const struct pki *hosts,
                                 const struct pki *users, const struct pubkey *key,
                                 int64_t not_before_ms, int64_t not_after_ms)
{
	const char *const names[] = { MEMBER_ID };
	const struct x509_spec spec = {
		.common_name = MEMBER_ID "." MEMBER_CLUSTER,
		.hosts = names,
		.host_count = 1,
		.subject_key = key,
		.not_before_ms = not_before_ms,
		.not_after_ms = not_after_ms,
		.usage = X509_CLIENT | X509_SERVER,
	};
	struct x509 *cert;
	struct buf pem = { 0 };
	struct err err = { 0 };

	*out = (pv_JoinResponse)pv_JoinResponse_init_zero;
	member_check(x509_issue(&spec, hosts->ca, hosts->key, &cert, &err), &err);
	x509_append_pem(cert, &pem);
	member_check(fields_set_str(&out->host_id, MEMBER_ID, &err), &err);
	member_check(fields_set_str(&out->cluster_name, MEMBER_CLUSTER, &err), &err);
	member_check(fields_set_str(&out->tls_certificate, buf_str(&pem), &err), &err);
	member_check(fields_set_str(&out->ssh_certificate, "ssh-cert", &err), &err);
	out->authorities = calloc(2, sizeof(*out->authorities));
	out->authorities_count = 2;
	member_authority(&out->authorities[0], "host", "host-key", hosts);
	member_authority(&out->authorities[1], "user", "user-key", users);
	x509_unref(cert);
	buf_deinit(&pem);
}

#endif

#include "tctl/authority_text.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/sshkey.h"
#include "crypto/x509.h"

#include <string.h>

static const struct authority_type types[] = {
	{ "user", "user", false },
	{ "host", "host", false },
	{ "tls-user", "user", true },
	{ "tls-host", "host", true },
};

int authority_type_find(const char *name, const struct authority_type **out, struct err *err)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_eq(types[i].name, name)) {
			*out = &types[i];
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
	               "--type: '%s' is not one of user, host, tls-user, tls-host", name);
}

static int append_ssh(const struct authority_type *type, const pv_CertAuthoritySpec *ca,
                      const char *line, struct buf *out, struct err *err)
{
	struct sshkey key;
	int rc = sshkey_parse_line(line != NULL ? line : "", &key, err);

	if (rc != 0)
		return err_wrap(err, "%s authority", type->ca);
	key.comment[0] = 0; /* ours says more */
	if (str_eq(type->ca, "user"))
		buf_append_str(out, "cert-authority ");
	else
		buf_appendf(out, "@cert-authority *.%s ", ca->cluster_name);
	sshkey_append_line(&key, out);
	buf_appendf(out, " clustername=%s&type=%s\n", ca->cluster_name, type->ca);
	sshkey_deinit(&key);
	return 0;
}

static int append_tls(const struct authority_type *type, const char *pem, struct buf *out,
                      struct err *err)
{
	struct x509 *cert = NULL;
	int rc = x509_load(pem != NULL ? pem : "", pem != NULL ? strlen(pem) : 0, &cert, err);

	if (rc != 0)
		return err_wrap(err, "%s authority", type->ca);
	x509_append_pem(cert, out);
	x509_unref(cert);
	return 0;
}

static int append_keys(const struct authority_type *type, const pv_CertAuthoritySpec *ca,
                       const pv_CaKeys *keys, struct buf *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && type->tls && i < keys->tls_count; i++)
		rc = append_tls(type, keys->tls[i].cert, out, err);
	for (size_t i = 0; rc == 0 && !type->tls && i < keys->ssh_count; i++)
		rc = append_ssh(type, ca, keys->ssh[i].public_key, out, err);
	return rc;
}

/* The name becomes part of lines for OpenSSH. */
static bool is_plain_name(const char *name)
{
	return !str_empty(name) &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
	                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] == 0;
}

int authority_text(const struct authority_type *type, const pv_CertAuthoritySpec *ca,
                   struct buf *out, struct err *err)
{
	int rc;

	if (!is_plain_name(ca->cluster_name))
		return err_set(err, ERR_CORRUPT, "'%s' cannot be a cluster's name",
		               ca->cluster_name != NULL ? ca->cluster_name : "");
	rc = append_keys(type, ca, &ca->active_keys, out, err);
	if (rc == 0)
		rc = append_keys(type, ca, &ca->additional_trusted_keys, out, err);
	return rc == 0 ? buf_check(out, err) : rc;
}

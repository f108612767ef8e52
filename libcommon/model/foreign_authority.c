#include "model/foreign_authority.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/sshkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/trust.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <string.h>

static int set_text(char **field, const struct buf *text, struct err *err)
{
	return buf_check(text, err) == 0 ? fields_set_str(field, buf_str(text), err) : err->code;
}

static int read_tls_key(const char *pem, pv_CaKeys *out, struct err *err)
{
	pv_TlsKeyPair *pair = fields_add(&out->tls, &out->tls_count, sizeof(*pair), err);
	struct buf text = { 0 };
	struct x509 *cert;
	int rc;

	if (pair == NULL)
		return err->code;
	rc = x509_load(pem, strlen(pem), &cert, err);
	if (rc != 0)
		return rc;
	if (!x509_info(cert)->is_ca)
		rc = err_set(err, ERR_INVALID, "the certificate of '%s' is not that of a CA",
		             x509_info(cert)->common_name);
	x509_append_pem(cert, &text);
	if (rc == 0)
		rc = set_text(&pair->cert, &text, err);
	buf_deinit(&text);
	x509_unref(cert);
	return rc;
}

static int read_ssh_key(const char *line, pv_CaKeys *out, struct err *err)
{
	pv_SshKeyPair *pair = fields_add(&out->ssh, &out->ssh_count, sizeof(*pair), err);
	struct buf text = { 0 };
	struct sshkey key;
	int rc;

	if (pair == NULL)
		return err->code;
	rc = sshkey_parse_line(line, &key, err);
	if (rc != 0)
		return rc;
	key.comment[0] = 0;
	sshkey_append_line(&key, &text);
	rc = set_text(&pair->public_key, &text, err);
	buf_deinit(&text);
	sshkey_deinit(&key);
	return rc;
}

static int read_keys(const pv_CaKeys *in, pv_CaKeys *out, struct err *err)
{
	if (in->tls_count > FOREIGN_KEYS_MAX || in->ssh_count > FOREIGN_KEYS_MAX)
		return err_set(err, ERR_INVALID, "more than %d keys", FOREIGN_KEYS_MAX);
	for (pb_size_t i = 0; i < in->tls_count; i++)
		if (read_tls_key(in->tls[i].cert != NULL ? in->tls[i].cert : "", out, err) != 0)
			return err_wrap(err, "tls[%u]", (unsigned)i);
	for (pb_size_t i = 0; i < in->ssh_count; i++)
		if (read_ssh_key(in->ssh[i].public_key != NULL ? in->ssh[i].public_key : "", out,
		                 err) != 0)
			return err_wrap(err, "ssh[%u]", (unsigned)i);
	return 0;
}

static int check_names(const pv_CertAuthority *in, const char *type, const char *cluster,
                       struct err *err)
{
	if (!str_eq(in->spec.type, type))
		return err_set(err, ERR_INVALID, "a %s authority was expected", type);
	if (!str_eq(in->spec.cluster_name, cluster))
		return err_set(err, ERR_INVALID, "an authority of cluster '%s', not of '%s'",
		               in->spec.cluster_name != NULL ? in->spec.cluster_name : "", cluster);
	return 0;
}

static int set_names(pv_CertAuthority *out, const char *type, const char *cluster, struct err *err)
{
	out->has_metadata = out->has_spec = true;
	out->spec.has_active_keys = out->spec.has_additional_trusted_keys = true;
	if (fields_set_str(&out->kind, "cert_authority", err) != 0 ||
	    fields_set_str(&out->sub_kind, type, err) != 0 ||
	    fields_set_str(&out->version, "v2", err) != 0 ||
	    fields_set_str(&out->metadata.name, cluster, err) != 0 ||
	    fields_set_str(&out->spec.type, type, err) != 0)
		return err->code;
	return fields_set_str(&out->spec.cluster_name, cluster, err);
}

int foreign_authority_read(const pv_CertAuthority *in, const char *type, const char *cluster,
                           pv_CertAuthority *out, struct err *err)
{
	const pv_CaKeys *active = &in->spec.active_keys;
	pv_CertAuthority ca = pv_CertAuthority_init_zero;
	int rc = check_names(in, type, cluster, err);

	if (rc == 0 && (active->tls_count == 0 || active->ssh_count == 0))
		rc = err_set(err, ERR_INVALID, "an authority without keys");
	if (rc == 0)
		rc = set_names(&ca, type, cluster, err);
	if (rc == 0)
		rc = read_keys(active, &ca.spec.active_keys, err);
	if (rc == 0)
		rc = read_keys(&in->spec.additional_trusted_keys, &ca.spec.additional_trusted_keys,
		               err);
	if (rc == 0)
		*out = ca;
	else
		fields_release(&pv_CertAuthority_table, &ca);
	return rc;
}

const pv_CertAuthority *foreign_authority_find(const pv_CertAuthority *all, size_t count,
                                               const char *type)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(all[i].spec.type, type))
			return &all[i];
	return NULL;
}

static bool has_known(const pv_CaKeys *keys, const struct trust *trust)
{
	for (pb_size_t i = 0; i < keys->tls_count; i++) {
		struct x509 *cert;
		struct err ignored;
		bool known;

		if (x509_load(keys->tls[i].cert, strlen(keys->tls[i].cert), &cert, &ignored) != 0)
			continue;
		known = x509_set_has(trust_clients(trust), &x509_info(cert)->pin);
		x509_unref(cert);
		if (known)
			return true;
	}
	return false;
}

bool foreign_authority_is_known(const pv_CertAuthority *ca, const struct trust *trust)
{
	return has_known(&ca->spec.active_keys, trust) ||
	       has_known(&ca->spec.additional_trusted_keys, trust);
}

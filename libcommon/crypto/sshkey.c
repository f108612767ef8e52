#include "crypto/sshkey.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/mbed.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey_type.h"
#include "crypto/sshwire.h"

#include <mbedtls/ecp.h>
#include <mbedtls/rsa.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 16384
#define RSA_MIN_BITS   2048
#define RSA_MAX_BITS   16384

/* Each check reads the numbers behind the type; the caller sees to it that nothing is left. */
static int check_ed25519(struct sshwire *r, const struct sshkey_type *type, struct err *err)
{
	(void)type;
	if (sshwire_string(r).len != 32)
		return err_set(err, ERR_INVALID, "an Ed25519 key that is not 32 bytes long");
	return 0;
}

static int check_rsa(struct sshwire *r, const struct sshkey_type *type, struct err *err)
{
	struct sshwire_string e = sshwire_string(r);
	struct sshwire_string n = sshwire_string(r);
	size_t bits = sshwire_mpint_bits(n);

	(void)type;
	if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
		return err_set(err, ERR_INVALID, "an RSA key of %zu bits (%d to %d)", bits,
		               RSA_MIN_BITS, RSA_MAX_BITS);
	if (sshwire_mpint_bits(e) < 2 || sshwire_mpint_bits(e) > 64 || e.data[e.len - 1] % 2 == 0)
		return err_set(err, ERR_INVALID, "an RSA key with a bad exponent");
	return 0;
}

/* The point must be on its curve: a bad one could leak what others do with it. */
static int check_on_curve(struct sshwire_string point, mbedtls_ecp_group_id curve, struct err *err)
{
	mbedtls_ecp_group grp;
	mbedtls_ecp_point p;
	int ret;

	mbedtls_ecp_group_init(&grp);
	mbedtls_ecp_point_init(&p);
	ret = mbedtls_ecp_group_load(&grp, curve);
	if (ret == 0)
		ret = mbedtls_ecp_point_read_binary(&grp, &p, point.data, point.len);
	if (ret == 0)
		ret = mbedtls_ecp_check_pubkey(&grp, &p);
	mbedtls_ecp_point_free(&p);
	mbedtls_ecp_group_free(&grp);
	return ret == 0 ? 0
	                : mbed_fail(err, ERR_INVALID, ret,
	                            "an ECDSA key that is no point of its curve");
}

static int check_ecdsa(struct sshwire *r, const struct sshkey_type *type, struct err *err)
{
	struct sshwire_string name = sshwire_string(r);
	struct sshwire_string point = sshwire_string(r);

	if (!sshwire_is(name, type->curve_name))
		return err_set(err, ERR_INVALID,
		               "an ECDSA key of another curve than its type says");
	return check_on_curve(point, (mbedtls_ecp_group_id)type->curve, err);
}

/* FIDO keys have the application behind the key: "ssh:" or longer. */
static int check_application(struct sshwire *r, struct err *err)
{
	struct sshwire_string application = sshwire_string(r);

	if (application.len == 0 || memchr(application.data, 0, application.len) != NULL)
		return err_set(err, ERR_INVALID, "a security key without an application");
	return 0;
}

static int check_sk_ed25519(struct sshwire *r, const struct sshkey_type *type, struct err *err)
{
	int rc = check_ed25519(r, type, err);

	return rc == 0 ? check_application(r, err) : rc;
}

static int check_sk_ecdsa(struct sshwire *r, const struct sshkey_type *type, struct err *err)
{
	int rc = check_ecdsa(r, type, err);

	return rc == 0 ? check_application(r, err) : rc;
}

#define CERT(name) name "-cert-v01@openssh.com"

static const struct sshkey_type types[] = {
	{ "ecdsa-sha2-nistp256", CERT("ecdsa-sha2-nistp256"), 2, check_ecdsa, "nistp256",
	  MBEDTLS_ECP_DP_SECP256R1 },
	{ "ecdsa-sha2-nistp384", CERT("ecdsa-sha2-nistp384"), 2, check_ecdsa, "nistp384",
	  MBEDTLS_ECP_DP_SECP384R1 },
	{ "ecdsa-sha2-nistp521", CERT("ecdsa-sha2-nistp521"), 2, check_ecdsa, "nistp521",
	  MBEDTLS_ECP_DP_SECP521R1 },
	{ "ssh-ed25519", CERT("ssh-ed25519"), 1, check_ed25519, NULL, 0 },
	{ "ssh-rsa", CERT("ssh-rsa"), 2, check_rsa, NULL, 0 },
	{ "sk-ssh-ed25519@openssh.com", CERT("sk-ssh-ed25519"), 2, check_sk_ed25519, NULL, 0 },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", CERT("sk-ecdsa-sha2-nistp256"), 3, check_sk_ecdsa,
	  "nistp256", MBEDTLS_ECP_DP_SECP256R1 },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

const struct sshkey_type *sshkey_type_find(struct sshwire_string name)
{
	for (size_t i = 0; i < TYPES; i++) {
		if (sshwire_is(name, types[i].name))
			return &types[i];
	}
	return NULL;
}

const struct sshkey_type *sshkey_type_find_cert(struct sshwire_string name)
{
	for (size_t i = 0; i < TYPES; i++) {
		if (sshwire_is(name, types[i].cert_name))
			return &types[i];
	}
	return NULL;
}

int sshkey_parse_blob(const void *blob, size_t len, struct sshkey *out, struct err *err)
{
	const struct sshkey_type *type;
	struct sshkey k = { 0 };
	struct sshwire r;
	int rc;

	sshwire_init(&r, blob, len);
	type = sshkey_type_find(sshwire_string(&r));
	if (type == NULL)
		return err_set(err, ERR_INVALID, "not an SSH public key of a type that we take");
	rc = type->check(&r, type, err);
	if (rc != 0)
		return rc;
	if (!sshwire_end(&r))
		return err_set(err, ERR_INVALID, "an SSH public key that is cut or too long");
	k.type = type->name;
	k.blob = malloc(len);
	k.blob_len = len;
	k.comment = strdup("");
	if (k.blob == NULL || k.comment == NULL) {
		sshkey_deinit(&k);
		return err_set_nomem(err);
	}
	memcpy(k.blob, blob, len);
	*out = k;
	return 0;
}

/* A comment is shown to people and written into lines: only what is plain stays. */
static int set_comment(struct sshkey *k, const char *text, size_t len, struct err *err)
{
	char *comment = strndup(text, len);

	if (comment == NULL)
		return err_set_nomem(err);
	for (char *at = comment; *at != 0; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	free(k->comment);
	k->comment = comment;
	return 0;
}

int sshkey_split_line(const char *line, struct sshkey_line *out, struct err *err)
{
	size_t len = strcspn(line, "\r\n");

	if (len > LINE_MAX_BYTES)
		return err_set(err, ERR_INVALID, "a line of more than %d bytes is no SSH key",
		               LINE_MAX_BYTES);
	if (line[len + strspn(line + len, "\r\n")] != 0)
		return err_set(err, ERR_INVALID, "one SSH key, on one line, is expected");
	out->type = line;
	out->type_len = strcspn(line, " \t\r\n");
	line += out->type_len;
	len -= out->type_len;
	out->base64 = line + strspn(line, " \t");
	len -= (size_t)(out->base64 - line);
	out->base64_len = strcspn(out->base64, " \t\r\n");
	line = out->base64 + out->base64_len;
	len -= out->base64_len;
	out->comment = line + strspn(line, " \t");
	out->comment_len = len - (size_t)(out->comment - line);
	return 0;
}

int sshkey_parse_line(const char *line, struct sshkey *out, struct err *err)
{
	struct sshkey_line parts;
	struct buf blob = { 0 };
	struct sshkey k = { 0 };
	int rc = sshkey_split_line(line, &parts, err);

	if (rc != 0)
		return rc;
	rc = base64_decode(parts.base64, parts.base64_len, &blob, err);
	if (rc == 0)
		rc = sshkey_parse_blob(blob.data, blob.len, &k, err);
	if (rc == 0 &&
	    (strlen(k.type) != parts.type_len || memcmp(k.type, parts.type, parts.type_len) != 0))
		rc = err_set(err, ERR_INVALID, "the line is of another type than its key");
	if (rc == 0)
		rc = set_comment(&k, parts.comment, parts.comment_len, err);
	buf_deinit(&blob);
	if (rc != 0) {
		sshkey_deinit(&k);
		return err_wrap(err, "SSH public key");
	}
	*out = k;
	return 0;
}

static int put_ec(struct buf *out, const mbedtls_ecp_keypair *ec, struct err *err)
{
	uint8_t point[MBEDTLS_ECP_MAX_PT_LEN];
	size_t len;
	int ret;

	for (size_t i = 0; i < TYPES; i++) {
		if (types[i].check != check_ecdsa || types[i].curve != (int)ec->grp.id)
			continue;
		ret = mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED,
		                                     &len, point, sizeof(point));
		if (ret != 0)
			return mbed_fail(err, ERR_INTERNAL, ret, "write EC point");
		sshwire_put_text(out, types[i].name);
		sshwire_put_text(out, types[i].curve_name);
		sshwire_put_string(out, point, len);
		return 0;
	}
	return err_set(err, ERR_INVALID, "SSH has no such curve");
}

static int put_rsa(struct buf *out, const mbedtls_rsa_context *rsa, struct err *err)
{
	uint8_t n[RSA_MAX_BITS / 8], e[8];
	size_t n_len = mbedtls_rsa_get_len(rsa);
	int ret = MBEDTLS_ERR_RSA_BAD_INPUT_DATA;

	if (n_len <= sizeof(n))
		ret = mbedtls_rsa_export_raw(rsa, n, n_len, NULL, 0, NULL, 0, NULL, 0, e,
		                             sizeof(e));
	if (ret != 0)
		return mbed_fail(err, ERR_INVALID, ret, "write RSA key");
	sshwire_put_text(out, "ssh-rsa");
	sshwire_put_mpint(out, e, sizeof(e));
	sshwire_put_mpint(out, n, n_len);
	return 0;
}

int sshkey_from_pubkey(const struct pubkey *p, const char *comment, struct sshkey *out,
                       struct err *err)
{
	const mbedtls_pk_context *pk = pubkey_mbed(p);
	struct buf blob = { 0 };
	struct sshkey k = { 0 };
	int rc;

	if (mbedtls_pk_get_type(pk) == MBEDTLS_PK_RSA)
		rc = put_rsa(&blob, mbedtls_pk_rsa(*pk), err);
	else
		rc = put_ec(&blob, mbedtls_pk_ec(*pk), err);
	if (rc == 0)
		rc = buf_check(&blob, err);
	if (rc == 0)
		rc = sshkey_parse_blob(blob.data, blob.len, &k, err);
	if (rc == 0)
		rc = set_comment(&k, comment, strlen(comment), err);
	buf_deinit(&blob);
	if (rc != 0) {
		sshkey_deinit(&k);
		return rc;
	}
	*out = k;
	return 0;
}

void sshkey_deinit(struct sshkey *k)
{
	if (k == NULL)
		return;
	free(k->blob);
	free(k->comment);
	*k = (struct sshkey){ 0 };
}

void sshkey_append_line(const struct sshkey *k, struct buf *out)
{
	buf_appendf(out, "%s ", k->type);
	base64_append(out, k->blob, k->blob_len);
	if (k->comment[0] != 0)
		buf_appendf(out, " %s", k->comment);
}

char *sshkey_fingerprint(const struct sshkey *k, char out[SSHKEY_FINGERPRINT_SIZE])
{
	uint8_t hash[HASH_SIZE];

	hash_sha256(k->blob, k->blob_len, hash);
	memcpy(out, "SHA256:", 7);
	sodium_bin2base64(out + 7, SSHKEY_FINGERPRINT_SIZE - 7, hash, sizeof(hash),
	                  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	return out;
}

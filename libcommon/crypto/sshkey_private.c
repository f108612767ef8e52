#include "crypto/sshkey_private.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "crypto/key.h"
#include "crypto/mbed.h"
#include "crypto/pem.h"
#include "crypto/sshkey.h"
#include "crypto/sshwire.h"

#include <string.h>

#define MAGIC "openssh-key-v1" /* with its final 0 */
#define BLOCK 8                /* of the cipher "none" */

static int put_scalar(struct buf *out, const struct key *k, struct err *err)
{
	const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*key_mbed(k));
	uint8_t d[MBEDTLS_ECP_MAX_BYTES];
	int ret = mbedtls_mpi_write_binary(&ec->d, d, sizeof(d));

	if (ret != 0)
		return mbed_fail(err, ERR_INTERNAL, ret, "write key");
	sshwire_put_mpint(out, d, sizeof(d));
	explicit_bzero(d, sizeof(d));
	return 0;
}

/* The part that a passphrase would encrypt: two equal numbers show that it was the right one. */
static int put_secret(struct buf *out, const struct key *k, const struct sshkey *public,
                      struct err *err)
{
	uint8_t check[4];

	rand_bytes(check, sizeof(check));
	buf_append(out, check, sizeof(check));
	buf_append(out, check, sizeof(check));
	buf_append(out, public->blob, public->blob_len);
	if (put_scalar(out, k, err) != 0)
		return err->code;
	sshwire_put_text(out, public->comment);
	for (uint8_t pad = 1; out->len % BLOCK != 0; pad++)
		buf_append_byte(out, pad);
	return buf_check(out, err);
}

static void put_all(struct buf *out, const struct sshkey *public, const struct buf *secret)
{
	buf_append(out, MAGIC, sizeof(MAGIC));
	sshwire_put_text(out, "none"); /* cipher */
	sshwire_put_text(out, "none"); /* how its key comes from a passphrase */
	sshwire_put_text(out, "");
	buf_append_u32(out, 1); /* keys */
	sshwire_put_string(out, public->blob, public->blob_len);
	sshwire_put_string(out, secret->data, secret->len);
}

int sshkey_append_private(const struct key *k, struct buf *out, struct err *err)
{
	struct sshkey public = { 0 };
	struct buf secret = { 0 }, whole = { 0 };
	int rc = 0;

	if (mbedtls_pk_get_type(key_mbed(k)) == MBEDTLS_PK_RSA)
		rc = err_set(err, ERR_INVALID, "an RSA key");
	if (rc == 0)
		rc = sshkey_from_pubkey(key_public(k), "", &public, err);
	if (rc == 0)
		rc = put_secret(&secret, k, &public, err);
	if (rc == 0) {
		put_all(&whole, &public, &secret);
		rc = buf_check(&whole, err);
	}
	if (rc == 0)
		pem_append(out, "OPENSSH PRIVATE KEY", whole.data, whole.len);
	sshkey_deinit(&public);
	buf_wipe(&secret);
	buf_wipe(&whole);
	return rc == 0 ? buf_check(out, err) : rc;
}

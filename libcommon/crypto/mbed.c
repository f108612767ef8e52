#include "crypto/mbed.h"

#include "base/err.h"
#include "base/rand.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#include <mbedtls/ssl.h>

#include <stdbool.h>
#include <time.h>

int mbed_rng(void *unused, unsigned char *out, size_t len)
{
	(void)unused;
	rand_bytes(out, len);
	return 0;
}

static bool is_out_of_memory(int ret)
{
	static const int codes[] = { MBEDTLS_ERR_X509_ALLOC_FAILED,  MBEDTLS_ERR_PK_ALLOC_FAILED,
		                     MBEDTLS_ERR_ECP_ALLOC_FAILED,   MBEDTLS_ERR_PEM_ALLOC_FAILED,
		                     MBEDTLS_ERR_MD_ALLOC_FAILED,    MBEDTLS_ERR_SSL_ALLOC_FAILED,
		                     MBEDTLS_ERR_CIPHER_ALLOC_FAILED };
	const int low = -(-ret & 0x7f); /* what it met further down */

	if (low == MBEDTLS_ERR_MPI_ALLOC_FAILED || low == MBEDTLS_ERR_ASN1_ALLOC_FAILED)
		return true;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (ret == codes[i])
			return true;
	return false;
}

int mbed_fail(struct err *err, int code, int ret, const char *what)
{
	char text[160];

	if (is_out_of_memory(ret)) {
		err_set_nomem(err);
		return err_wrap(err, "%s", what);
	}
	mbedtls_strerror(ret, text, sizeof(text));
	return err_set(err, code, "%s: %s", what, text);
}

const mbedtls_x509_crt_profile *mbed_profile(void)
{
	static const mbedtls_x509_crt_profile profile = {
		.allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) |
		               MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
		               MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
		.allowed_pks = 0xfffffff,
		.allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
		                  MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1) |
		                  MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP521R1),
		.rsa_min_bitlen = 2048,
	};

	return &profile;
}

int64_t mbed_time_ms(const mbedtls_x509_time *t)
{
	struct tm tm = {
		.tm_year = t->year - 1900,
		.tm_mon = t->mon - 1,
		.tm_mday = t->day,
		.tm_hour = t->hour,
		.tm_min = t->min,
		.tm_sec = t->sec,
	};

	return (int64_t)timegm(&tm) * 1000;
}

int mbed_check_key(const mbedtls_pk_context *pk, struct err *err)
{
	size_t bits = mbedtls_pk_get_bitlen(pk);

	switch (mbedtls_pk_get_type(pk)) {
	case MBEDTLS_PK_RSA:
		if (bits < 2048 || bits > 8192)
			return err_set(err, ERR_INVALID, "an RSA key of %zu bits (2048 to 8192)",
			               bits);
		return 0;
	case MBEDTLS_PK_ECKEY:
	case MBEDTLS_PK_ECDSA:
		switch (mbedtls_pk_ec(*pk)->grp.id) {
		case MBEDTLS_ECP_DP_SECP256R1:
		case MBEDTLS_ECP_DP_SECP384R1:
		case MBEDTLS_ECP_DP_SECP521R1:
			return 0;
		default:
			return err_set(err, ERR_INVALID,
			               "an EC key on a curve other than P-256, P-384, P-521");
		}
	default:
		return err_set(err, ERR_INVALID, "a key that is neither EC nor RSA");
	}
}

static int build_table(mbedtls_ecp_keypair *ec)
{
	mbedtls_ecp_point unused;
	mbedtls_mpi one;
	int ret;

	mbedtls_ecp_point_init(&unused);
	mbedtls_mpi_init(&one);
	ret = mbedtls_mpi_lset(&one, 1);
	if (ret == 0)
		ret = mbedtls_ecp_mul(&ec->grp, &unused, &one, &ec->grp.G, mbed_rng, NULL);
	mbedtls_mpi_free(&one);
	mbedtls_ecp_point_free(&unused);
	return ret;
}

int mbed_prepare_shared(mbedtls_pk_context *pk, struct err *err)
{
	mbedtls_pk_context fast;
	int ret;

	if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_ECKEY)
		return 0;
	mbedtls_pk_init(&fast);
	ret = mbedtls_pk_setup(&fast, mbedtls_pk_info_from_type(MBEDTLS_PK_ECDSA));
	if (ret == 0)
		ret = mbedtls_ecdsa_from_keypair(mbedtls_pk_ec(fast), mbedtls_pk_ec(*pk));
	if (ret == 0)
		ret = build_table(mbedtls_pk_ec(fast));
	if (ret != 0) {
		mbedtls_pk_free(&fast);
		return mbed_fail(err, ERR_NOMEM, ret, "prepare key");
	}
	mbedtls_pk_free(pk);
	*pk = fast;
	return 0;
}

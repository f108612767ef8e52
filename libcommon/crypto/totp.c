#include "crypto/totp.h"

#include "crypto/base32.h"
#include "crypto/secret.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"

#include <ctype.h>
#include <mbedtls/md.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SHA1_SIZE 20
#define DIGITS    1000000u
#define SKEW      1 /* steps that a clock may be off */

void totp_key(uint8_t out[TOTP_KEY_SIZE])
{
	rand_bytes(out, TOTP_KEY_SIZE);
}

/* RFC 4226, 5.3 */
void totp_code(const uint8_t *key, size_t key_len, int64_t step, char out[TOTP_CODE_SIZE])
{
	uint8_t counter[8], mac[SHA1_SIZE];
	uint32_t number;
	size_t at;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
	mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), key, key_len, counter,
	                sizeof(counter), mac);
	at = mac[SHA1_SIZE - 1] & 15;
	number = (uint32_t)(mac[at] & 127) << 24 | (uint32_t)mac[at + 1] << 16 |
	         (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	snprintf(out, TOTP_CODE_SIZE, "%06u", number % DIGITS);
	explicit_bzero(mac, sizeof(mac));
}

/* People type "123 456". */
static bool read_code(const char *text, char out[TOTP_CODE_SIZE])
{
	size_t len = 0;

	memset(out, 0, TOTP_CODE_SIZE);
	for (; *text != 0; text++) {
		if (*text == ' ')
			continue;
		if (!isdigit((unsigned char)*text) || len == TOTP_CODE_SIZE - 1)
			return false;
		out[len++] = *text;
	}
	return len == TOTP_CODE_SIZE - 1;
}

int totp_check(const uint8_t *key, size_t key_len, const char *code, int64_t now_ms, int64_t after,
               int64_t *out_step, struct err *err)
{
	int64_t now = now_ms / TOTP_STEP_MS;
	char given[TOTP_CODE_SIZE], good[TOTP_CODE_SIZE];
	bool found = false;

	if (!read_code(code, given))
		return err_set(err, ERR_DENIED, "a code has six digits");
	for (int64_t step = now - SKEW; step <= now + SKEW; step++) {
		totp_code(key, key_len, step, good);
		if (secret_equal(given, good, sizeof(good)) && step > after) {
			*out_step = step;
			found = true;
		}
	}
	explicit_bzero(good, sizeof(good));
	return found ? 0 : err_set(err, ERR_DENIED, "the code is wrong, too old, or was used");
}

/* RFC 3986: all but unreserved characters. */
static void append_escaped(struct buf *out, const char *text)
{
	for (; *text != 0; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
			buf_append_byte(out, (uint8_t)*text);
		else
			buf_appendf(out, "%%%02X", (unsigned char)*text);
}

void totp_append_uri(struct buf *out, const char *cluster, const char *user, const uint8_t *key,
                     size_t key_len)
{
	buf_append_str(out, "otpauth://totp/");
	append_escaped(out, cluster);
	buf_append_str(out, ":");
	append_escaped(out, user);
	buf_append_str(out, "?secret=");
	base32_append(out, key, key_len);
	buf_append_str(out, "&issuer=");
	append_escaped(out, cluster);
}

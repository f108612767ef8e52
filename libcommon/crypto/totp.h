/*
 * totp - codes that change every half a minute, from a key that an authenticator app shares
 * (RFC 6238 with HMAC-SHA-1 and six digits, the form that all apps know).
 *
 * A step is a span of half a minute since 1970. A code is good in its own step and in the ones
 * beside it, for clocks differ. Who checks must remember the step of the last code that was good,
 * and takes none of that step or an earlier one: so no code is good twice.
 */
#ifndef CRYPTO_TOTP_H
#define CRYPTO_TOTP_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define TOTP_KEY_SIZE  20 /* RFC 4226, 4: as long as the hash */
#define TOTP_CODE_SIZE 7  /* with NUL */
#define TOTP_STEP_MS   30000

void totp_key(uint8_t out[TOTP_KEY_SIZE]);

void totp_code(const uint8_t *key, size_t key_len, int64_t step, char out[TOTP_CODE_SIZE]);

/*
 * Which step a code (digits; blanks between them are fine) is of, if that is later than `after`
 * (0: none was used yet). ERR_DENIED: it is wrong, too old or used.
 */
int totp_check(const uint8_t *key, size_t key_len, const char *code, int64_t now_ms, int64_t after,
               int64_t *out_step, struct err *err);

/* Appends what an app reads from a QR code: otpauth://totp/CLUSTER:USER?secret=...&issuer=CLUSTER.
 */
void totp_append_uri(struct buf *out, const char *cluster, const char *user, const uint8_t *key,
                     size_t key_len);

#endif

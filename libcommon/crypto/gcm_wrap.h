/*
 * gcm_wrap - mbedTLS' AES-256-GCM done by libsodium, eight times as fast.
 *
 * The link sends these four calls here (-Wl,--wrap=...); mbedTLS' own code stays behind the __real
 * names and does whatever libsodium does not: other key sizes, tags and nonces, CPUs without AES
 * instructions, the piecewise interface. What libsodium needs is kept beside the mbedTLS context,
 * in a table by its address: entered by setkey, dropped by the next setkey and by free. Thread-safe
 * as mbedTLS is: one context belongs to one thread at a time.
 */
#ifndef CRYPTO_GCM_WRAP_H
#define CRYPTO_GCM_WRAP_H

#include <mbedtls/gcm.h>

int __wrap_mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
                              const unsigned char *key, unsigned int keybits);
int __wrap_mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
                                     const unsigned char *iv, size_t iv_len,
                                     const unsigned char *add, size_t add_len,
                                     const unsigned char *input, unsigned char *output,
                                     size_t tag_len, unsigned char *tag);
int __wrap_mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length,
                                    const unsigned char *iv, size_t iv_len,
                                    const unsigned char *add, size_t add_len,
                                    const unsigned char *tag, size_t tag_len,
                                    const unsigned char *input, unsigned char *output);
void __wrap_mbedtls_gcm_free(mbedtls_gcm_context *ctx);

int __real_mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
                              const unsigned char *key, unsigned int keybits);
int __real_mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
                                     const unsigned char *iv, size_t iv_len,
                                     const unsigned char *add, size_t add_len,
                                     const unsigned char *input, unsigned char *output,
                                     size_t tag_len, unsigned char *tag);
int __real_mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length,
                                    const unsigned char *iv, size_t iv_len,
                                    const unsigned char *add, size_t add_len,
                                    const unsigned char *tag, size_t tag_len,
                                    const unsigned char *input, unsigned char *output);
void __real_mbedtls_gcm_free(mbedtls_gcm_context *ctx);

#endif

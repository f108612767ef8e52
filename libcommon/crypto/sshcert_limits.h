/*
 * sshcert_limits - bounds that issuing and reading share. Inside of crypto only.
 */
#ifndef CRYPTO_SSHCERT_LIMITS_H
#define CRYPTO_SSHCERT_LIMITS_H

#define SSHCERT_CA_TYPE        "ecdsa-sha2-nistp256"
#define SSHCERT_PRINCIPALS_MAX 256 /* what OpenSSH reads */
#define SSHCERT_OPTIONS_MAX    64
#define SSHCERT_BLOB_MAX       (64u * 1024)

#endif

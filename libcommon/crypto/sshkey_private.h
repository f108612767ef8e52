/*
 * sshkey_private - an ECDSA private key as ssh-keygen writes it (OpenSSH's PROTOCOL.key).
 *
 * OpenSSH reads this form itself. A PEM it hands to OpenSSL's decoders, which costs ssh and sshd
 * some 0.6 ms at each start.
 */
#ifndef CRYPTO_SSHKEY_PRIVATE_H
#define CRYPTO_SSHKEY_PRIVATE_H

struct buf;
struct err;
struct key;

/*
 * Appends the text, not encrypted; the buffer is the caller's to buf_wipe(). ERR_INVALID: an RSA
 * key. OpenSSH wants it at the beginning of a file; what follows, a PEM of the same key say, it
 * does not look at.
 */
int sshkey_append_private(const struct key *k, struct buf *out, struct err *err);

#endif

/*
 * sshkey - SSH public keys of every type that OpenSSH accepts, as checked opaque blobs.
 *
 * Types: ssh-ed25519, ssh-rsa (2048 to 16384 bits), ecdsa-sha2-nistp256/384/521, and the FIDO ones
 * sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com. A certificate is not a key:
 * sshcert reads those.
 */
#ifndef CRYPTO_SSHKEY_H
#define CRYPTO_SSHKEY_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct key;
struct pubkey;

struct sshkey {
	const char *type; /* a constant: what the blob begins with */
	uint8_t *blob;    /* RFC 4253, 6.6: string type, then the numbers */
	size_t blob_len;
	char *comment; /* "" when the line had none */
};

/* One line as in authorized_keys or a .pub file, without options; a line end at its end is fine. */
int sshkey_parse_line(const char *line, struct sshkey *out, struct err *err);
int sshkey_parse_blob(const void *blob, size_t len, struct sshkey *out, struct err *err);

/* The SSH form of an ECDSA or RSA key. */
int sshkey_from_pubkey(const struct pubkey *p, const char *comment, struct sshkey *out,
                       struct err *err);

void sshkey_deinit(struct sshkey *k);

/* Appends "type base64" and " comment" when there is one, no line end; failure is sticky in `out`.
 */
void sshkey_append_line(const struct sshkey *k, struct buf *out);

/* "SHA256:..." as ssh-keygen -l prints it. Returns out. */
#define SSHKEY_FINGERPRINT_SIZE 51
char *sshkey_fingerprint(const struct sshkey *k, char out[SSHKEY_FINGERPRINT_SIZE]);

#endif

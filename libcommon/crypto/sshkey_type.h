/*
 * sshkey_type - the table of key types that sshkey and sshcert share. Inside of crypto only.
 */
#ifndef CRYPTO_SSHKEY_TYPE_H
#define CRYPTO_SSHKEY_TYPE_H

#include "crypto/sshwire.h"

struct err;

struct sshkey_type {
	const char *name;
	const char *cert_name;
	unsigned fields; /* strings behind the type, in a key and, after the nonce, in a certificate
	                  */
	int (*check)(struct sshwire *r, const struct sshkey_type *type, struct err *err);
	const char *curve_name; /* ECDSA */
	int curve;              /* mbedTLS' number for it */
};

const struct sshkey_type *sshkey_type_find(struct sshwire_string name);
const struct sshkey_type *sshkey_type_find_cert(struct sshwire_string name);

/* "type base64 comment", as found; the parts point into the line. */
struct sshkey_line {
	const char *type;
	size_t type_len;
	const char *base64;
	size_t base64_len;
	const char *comment;
	size_t comment_len;
};

int sshkey_split_line(const char *line, struct sshkey_line *out, struct err *err);

#endif

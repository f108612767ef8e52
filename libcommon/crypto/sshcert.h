/*
 * sshcert - OpenSSH certificates (PROTOCOL.certkeys of OpenSSH), signed with ECDSA P-256.
 *
 * Any key type of sshkey can be certified. Options and extensions are written in the order that
 * the format demands, whatever order they are given in.
 */
#ifndef CRYPTO_SSHCERT_H
#define CRYPTO_SSHCERT_H

#include "crypto/sshkey.h"

#include <stdbool.h>

enum sshcert_type {
	SSHCERT_USER = 1,
	SSHCERT_HOST = 2,
};

struct sshcert_option {
	const char *name;
	const char *value; /* NULL: a flag, such as permit-pty */
};

#define SSHCERT_FOREVER INT64_MAX

/* The times are milliseconds since 1970, cut to whole seconds (the end rounds up). */
struct sshcert_spec {
	enum sshcert_type type;
	const struct sshkey *subject;
	uint64_t serial;
	const char *key_id;
	const char *const *principals; /* none is refused: it would mean everybody */
	size_t principal_count;
	int64_t not_before_ms;
	int64_t not_after_ms; /* or SSHCERT_FOREVER */
	const struct sshcert_option *critical;
	size_t critical_count;
	const struct sshcert_option *extensions;
	size_t extension_count;
};

/*
 * Signs one and appends it as a line "type base64 key-id", without a line end, as a -cert.pub file
 * has it. ERR_INVALID: the spec (empty principal, two options of one name, end before start,
 * control characters in the key id) or a CA key that is not P-256.
 */
int sshcert_issue(const struct sshcert_spec *spec, const struct key *ca, struct buf *out,
                  struct err *err);

/* One that was read; nothing in it is to be believed before sshcert_verify(). */
struct sshcert {
	enum sshcert_type type;
	struct sshkey subject;
	uint64_t serial;
	char *key_id;
	char **principals;
	size_t principal_count;
	int64_t not_before_ms;
	int64_t not_after_ms;            /* SSHCERT_FOREVER when it has no end */
	struct sshcert_option *critical; /* values without their inner length; NULL for flags */
	size_t critical_count;
	struct sshcert_option *extensions;
	size_t extension_count;
	struct sshkey ca; /* the key that is said to have signed it */
	uint8_t *signed_bytes;
	size_t signed_len;
	uint8_t *signature; /* the SSH signature blob */
	size_t signature_len;
};

int sshcert_parse_line(const char *line, struct sshcert *out, struct err *err);
int sshcert_parse_blob(const void *blob, size_t len, struct sshcert *out, struct err *err);
void sshcert_deinit(struct sshcert *c);

/*
 * Whether one of `cas` signed it and it is valid at `now_ms`; for ECDSA P-256 CA keys only.
 * Principals and critical options are the caller's to judge. ERR_UNAUTHENTICATED says which failed.
 */
int sshcert_verify(const struct sshcert *c, const struct sshkey *cas, size_t ca_count,
                   int64_t now_ms, struct err *err);

/* The value of an extension; "" for a flag that is there, NULL when it is not. */
const char *sshcert_extension(const struct sshcert *c, const char *name);

#endif

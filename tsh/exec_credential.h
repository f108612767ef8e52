/*
 * exec_credential - how kubectl and its like ask a program who the user is (KEP-541,
 * client.authentication.k8s.io/v1 and v1beta1).
 */
#ifndef TSH_EXEC_CREDENTIAL_H
#define TSH_EXEC_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/*
 * The version to answer in, from the question that stands in KUBERNETES_EXEC_INFO (NULL or empty:
 * v1beta1, as kubectl was without it). *out is a constant. ERR_INVALID; ERR_UNSUPPORTED: another
 * version is wanted.
 */
int exec_credential_version(const char *info, const char **out, struct err *err);

struct exec_credential {
	const char *version;
	const char *certificate; /* PEM */
	const char *key;         /* PEM */
	int64_t expires;         /* milliseconds since 1970 */
};

/* Appends the answer, one line; a secret. ERR_NOMEM. */
int exec_credential_write(const struct exec_credential *c, struct buf *out, struct err *err);

#endif

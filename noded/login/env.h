/*
 * env - an environment that is put together: a later NAME=value replaces an earlier one.
 */
#ifndef NODED_LOGIN_ENV_H
#define NODED_LOGIN_ENV_H

#include <stddef.h>

#define ENV_MAX 2048

struct env {
	char *vars[ENV_MAX + 1]; /* borrowed texts; ends with NULL: for execve(2) */
	size_t count;
};

/* What has no "=" behind a name, and what is above ENV_MAX, is left out. */
void env_put(struct env *e, char *var);
void env_remove(struct env *e, const char *name);
const char *env_get(const struct env *e, const char *name); /* NULL: not there */

#endif

#include "noded/login/env.h"

#include <string.h>

/* Where the variable with the name of `var` is; count if nowhere. */
static size_t find(const struct env *e, const char *var, size_t name_len)
{
	size_t i;

	for (i = 0; i < e->count; i++)
		if (strncmp(e->vars[i], var, name_len) == 0 && e->vars[i][name_len] == '=')
			break;
	return i;
}

void env_put(struct env *e, char *var)
{
	size_t len = strcspn(var, "=");
	size_t at = find(e, var, len);

	if (len == 0 || var[len] != '=' || at == ENV_MAX)
		return;
	e->vars[at] = var;
	if (at == e->count)
		e->vars[++e->count] = NULL;
}

void env_remove(struct env *e, const char *name)
{
	size_t at = find(e, name, strlen(name));

	if (at == e->count)
		return;
	e->vars[at] = e->vars[--e->count];
	e->vars[e->count] = NULL;
}

const char *env_get(const struct env *e, const char *name)
{
	size_t len = strlen(name), at = find(e, name, len);

	return at < e->count ? e->vars[at] + len + 1 : NULL;
}

#include "kubeproxyd/request/impersonation.h"

#include "base/err.h"
#include "base/str.h"
#include "kubeproxyd/request/headers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "Impersonate-"
#define USER   "Impersonate-User"
#define GROUP  "Impersonate-Group"
#define DENIED "impersonation request has been denied"

void impersonation_deinit(struct impersonation *i)
{
	free(i->user);
	i->user = NULL;
	strlist_deinit(&i->groups);
}

static int choose_user(struct impersonation *i, const char *name, const struct strlist *users,
                       struct err *err)
{
	if (i->user != NULL)
		return err_set(err, ERR_DENIED, "more than one " USER ": " DENIED);
	if (!strlist_has(users, name))
		return err_set(err, ERR_DENIED, DENIED ": user '%.100s' is not among those allowed",
		               name);
	i->user = strdup(name);
	return i->user != NULL ? 0 : err_set_nomem(err);
}

static int choose_group(struct impersonation *i, const char *name, const struct strlist *groups,
                        struct err *err)
{
	if (!strlist_has(groups, name))
		return err_set(err, ERR_DENIED,
		               DENIED ": group '%.100s' is not among those allowed", name);
	return strlist_add_new(&i->groups, name, err);
}

static int read_header(struct impersonation *i, const struct http1_header *h,
                       const struct strlist *users, const struct strlist *groups, struct err *err)
{
	if (strncasecmp(h->name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return 0;
	if (strcasecmp(h->name, USER) == 0)
		return choose_user(i, h->value, users, err);
	if (strcasecmp(h->name, GROUP) == 0)
		return choose_group(i, h->value, groups, err);
	return err_set(err, ERR_DENIED, "unsupported impersonation header '%.60s': " DENIED,
	               h->name);
}

/* What was not asked for. */
static int choose_rest(struct impersonation *i, const struct strlist *users,
                       const struct strlist *groups, struct err *err)
{
	int rc = 0;

	if (i->user == NULL && users->count != 1)
		return err_set(err, ERR_DENIED,
		               "please select a user to impersonate (--as), you may act as "
		               "several: " DENIED);
	if (i->user == NULL) {
		i->user = strdup(users->items[0]);
		rc = i->user != NULL ? 0 : err_set_nomem(err);
	}
	if (i->groups.count == 0)
		for (size_t k = 0; rc == 0 && k < groups->count; k++)
			rc = strlist_add_new(&i->groups, groups->items[k], err);
	return rc;
}

int impersonation_choose(struct impersonation *out, const struct http1_header *headers,
                         size_t count, const struct strlist *users, const struct strlist *groups,
                         struct err *err)
{
	int rc = 0;

	*out = (struct impersonation){ 0 };
	for (size_t k = 0; rc == 0 && k < count; k++)
		rc = read_header(out, &headers[k], users, groups, err);
	if (rc == 0)
		rc = choose_rest(out, users, groups, err);
	if (rc != 0)
		impersonation_deinit(out);
	return rc;
}

int impersonation_write(const struct impersonation *i, struct headers *to, struct err *err)
{
	int rc = headers_add(to, USER, i->user, err);

	for (size_t k = 0; rc == 0 && k < i->groups.count; k++)
		rc = headers_add(to, GROUP, i->groups.items[k], err);
	return rc;
}

#include "authd/access/own_roles.h"

#include "authd/access/access.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>

int own_roles_load(struct authd *a, char *const *names, size_t count, struct own_roles *out,
                   struct err *err)
{
	int rc = 0;

	*out = (struct own_roles){ 0 };
	if (count == 0)
		return 0;
	out->items = calloc(count, sizeof(*out->items));
	if (out->items == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = access_lookup_role(a, names[i], &out->items[i], err);
		out->count += rc == 0;
	}
	if (rc != 0)
		own_roles_deinit(out);
	return rc;
}

void own_roles_deinit(struct own_roles *r)
{
	for (size_t i = 0; i < r->count; i++)
		fields_release(&pv_Role_table, &r->items[i]);
	free(r->items);
	*r = (struct own_roles){ 0 };
}

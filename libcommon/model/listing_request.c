#include "model/listing_request.h"

#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"

#include <stdlib.h>
#include <string.h>

static int row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_AccessRequestSpec *spec = &r->of.access_request.spec;
	char created[STR_TIME_SIZE], *roles;

	if (r->which_of != pv_Resource_access_request_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no request");
	roles = listing_words(spec->roles, spec->roles_count);
	cells[0] = strdup(resource_name(r));
	cells[1] = strdup(spec->user != NULL ? spec->user : "");
	cells[2] = roles != NULL ? str_printf("roles=%s", roles) : NULL;
	cells[3] = strdup(str_from_time(created, sizeof(created), spec->created));
	cells[4] = strdup(spec->state != NULL ? spec->state : "");
	free(roles);
	for (int i = 0; i < 5; i++)
		if (cells[i] == NULL)
			return err_set_nomem(err);
	return 0;
}

const struct listing_table listing_request = {
	.titles = { "Token", "Requestor", "Metadata", "Created At (UTC)", "Status", NULL },
	.row = row,
};

#include "tsh/refresh.h"

#include "base/err.h"
#include "tsh/api.h"
#include "tsh/login_files.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

static int take(void *arg, const pv_Resource *r, struct err *err)
{
	pv_LoginResponse *all = arg;
	pv_CertAuthority *to;

	if (r->which_of != pv_Resource_cert_authority_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no authority");
	to = fields_add(&all->authorities, &all->authorities_count, sizeof(*to), err);
	if (to == NULL)
		return err->code;
	return fields_clone(&pv_CertAuthority_table, &r->of.cert_authority, to, err);
}

int refresh_authorities(struct api *a, struct profile *p, struct err *err)
{
	const struct api_query query = { .kind = "cert_authority" };
	pv_LoginResponse all = pv_LoginResponse_init_zero;
	int rc;

	if (p->own != NULL) /* a leaf's word counts for nothing here */
		return 0;
	rc = api_list(a, &query, take, &all, err);

	if (rc == 0)
		rc = login_files_authorities(p, a->tsh->program, all.authorities,
		                             all.authorities_count, err);
	fields_release(&pv_LoginResponse_table, &all);
	return rc != 0 ? err_wrap(err, "the cluster's authorities") : 0;
}

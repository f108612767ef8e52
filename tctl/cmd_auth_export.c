/* tctl auth export - the public keys of the cluster's authorities. */
#include "tctl/api.h"
#include "tctl/authority_text.h"
#include "tctl/cmd.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"

struct export_walk {
	const struct authority_type *type; /* NULL: the SSH forms of both */
	struct buf text;
};

static int add_authority(void *arg, const pv_Resource *r, struct err *err)
{
	const pv_CertAuthoritySpec *ca = &r->of.cert_authority.spec;
	struct export_walk *walk = arg;
	const struct authority_type *type = walk->type;

	if (r->which_of != pv_Resource_cert_authority_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no authority");
	if (type == NULL && authority_type_find(ca->type, &type, err) != 0)
		return err->code;
	return str_eq(type->ca, ca->type) ? authority_text(type, ca, &walk->text, err) : 0;
}

int cmd_auth_export(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"cert_authority" };
	const char *type = NULL;
	const struct args_option options[] = {
		{ "type", 0, ARGS_TEXT, &type },
		{ 0 },
	};
	struct export_walk walk = { 0 };
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0 && type != NULL)
		rc = authority_type_find(type, &walk.type, err);
	if (rc == 0)
		rc = api_list(t, &query, add_authority, &walk, err);
	if (rc == 0)
		fputs(buf_str(&walk.text), t->out);
	buf_deinit(&walk.text);
	return rc;
}

/* tctl status - the cluster, its authorities and CA pins. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/rotation_text.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "wire/fields.h"
#include "wire/json.h"

#include "proto/auth.fields.h"

#include <string.h>

struct authorities_walk {
	FILE *to;
	bool rotated; /* one of them was, or is just being */
};

static int print_authority(void *arg, const pv_Resource *r, struct err *err)
{
	const pv_CertAuthoritySpec *spec = &r->of.cert_authority.spec;
	struct authorities_walk *walk = arg;

	if (r->which_of != pv_Resource_cert_authority_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no authority");
	rotation_text_authority(walk->to, spec);
	walk->rotated |= !str_empty(spec->rotation.current_id);
	return 0;
}

/* Who may not rotate need not know whom it would hit: then it is empty. */
static int get_rotation(struct tctl *t, pv_RotationStatus *out, struct err *err)
{
	const pv_GetRotationRequest request = { 0 };
	int rc = api_call(t, AUTH_GET_ROTATION, &request, out, err);

	if (rc != ERR_DENIED)
		return rc;
	*out = (pv_RotationStatus){ 0 };
	return 0;
}

static int print_stragglers(struct tctl *t, struct err *err)
{
	pv_RotationStatus status;

	if (get_rotation(t, &status, err) != 0)
		return err->code;
	if (status.straggler_count > 0)
		fputs("These hosts have not followed the rotation:\n", t->out);
	rotation_text_stragglers(t->out, &status);
	fields_release(&pv_RotationStatus_table, &status);
	return 0;
}

static int print_text(struct tctl *t, const pv_PingResponse *ping, struct err *err)
{
	pv_ListResourcesRequest authorities = { .kind = (char *)"cert_authority" };
	struct authorities_walk walk = { .to = t->out };
	int rc;

	fprintf(t->out, "%-8s %s\n%-8s %s\n", "Cluster", ping->cluster_name, "Version",
	        ping->version);
	rc = api_list(t, &authorities, print_authority, &walk, err);
	for (size_t i = 0; rc == 0 && i < ping->ca_pins_count; i++)
		fprintf(t->out, "%-8s %s\n", "CA pin", ping->ca_pins[i]);
	return rc == 0 && walk.rotated ? print_stragglers(t, err) : rc;
}

/* What the cluster is, with its rotation within. */
static int make_document(struct tctl *t, const pv_PingResponse *ping, struct value **out,
                         struct err *err)
{
	struct value *document = NULL, *within = NULL;
	pv_RotationStatus rotation;
	int rc = get_rotation(t, &rotation, err);

	if (rc != 0)
		return rc;
	rc = fields_to_value(&pv_PingResponse_table, ping, 0, &document, err);
	if (rc == 0)
		rc = fields_to_value(&pv_RotationStatus_table, &rotation, 0, &within, err);
	if (rc == 0)
		rc = value_put(document, "rotation", within, err);
	fields_release(&pv_RotationStatus_table, &rotation);
	if (rc == 0)
		*out = document;
	else
		value_free(document);
	return rc;
}

static int print_document(struct tctl *t, enum listing_format format, const pv_PingResponse *ping,
                          struct err *err)
{
	struct value *document = NULL;
	struct buf text = { 0 };
	int rc = make_document(t, ping, &document, err);

	if (rc == 0)
		rc = format == LISTING_JSON ? json_write(document, true, &text, err)
		                            : yaml_write(document, &text, err);
	if (rc == 0)
		fputs(buf_str(&text), t->out);
	buf_deinit(&text);
	value_free(document);
	return rc;
}

int cmd_status(struct tctl *t, int argc, char **argv, struct err *err)
{
	const pv_PingRequest request = { 0 };
	enum listing_format format;
	pv_PingResponse ping;
	int rc = cmd_parse(t, NULL, 0, 0, &argc, argv, err);

	if (rc == 0)
		rc = cmd_format(t, LISTING_TEXT, &format, err);
	if (rc == 0)
		rc = api_call(t, AUTH_PING, &request, &ping, err);
	if (rc != 0)
		return rc;
	rc = format == LISTING_TEXT ? print_text(t, &ping, err)
	                            : print_document(t, format, &ping, err);
	fields_release(&pv_PingResponse_table, &ping);
	return rc;
}

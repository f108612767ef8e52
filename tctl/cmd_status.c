/* tctl status - the cluster, its authorities and CA pins. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/output.h"
#include "tctl/rotation_text.h"

#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

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

/* Who may not rotate need not know whom it would hit. */
static int print_stragglers(struct tctl *t, struct err *err)
{
	const pv_GetRotationRequest request = { 0 };
	pv_RotationStatus status;
	int rc = api_call(t, AUTH_GET_ROTATION, &request, &status, err);

	if (rc == ERR_DENIED)
		return 0;
	if (rc != 0)
		return rc;
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
	rc = format == LISTING_TEXT
	             ? print_text(t, &ping, err)
	             : output_message(t->out, format, &pv_PingResponse_table, &ping, err);
	fields_release(&pv_PingResponse_table, &ping);
	return rc;
}

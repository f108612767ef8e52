/* tctl status - the cluster, its authorities and CA pins. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/output.h"

#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <string.h>

static int print_authority(void *arg, const pv_Resource *r, struct err *err)
{
	const pv_CertAuthoritySpec *spec = &r->of.cert_authority.spec;
	char when[STR_TIME_SIZE];
	FILE *to = arg;

	if (r->which_of != pv_Resource_cert_authority_tag)
		return err_set(err, ERR_CORRUPT, "the answer holds something that is no authority");
	fprintf(to, "%-8s keys of %s", str_eq(spec->type, "user") ? "User CA" : "Host CA",
	        str_from_time(when, sizeof(when), spec->rotation.last_rotated));
	if (str_eq(spec->rotation.state, "in_progress"))
		fprintf(to, ", rotation in progress, phase %s", spec->rotation.phase);
	fputc('\n', to);
	return 0;
}

static int print_text(struct tctl *t, const pv_PingResponse *ping, struct err *err)
{
	pv_ListResourcesRequest authorities = { .kind = (char *)"cert_authority" };
	int rc;

	fprintf(t->out, "%-8s %s\n%-8s %s\n", "Cluster", ping->cluster_name, "Version",
	        ping->version);
	rc = api_list(t, &authorities, print_authority, t->out, err);
	for (size_t i = 0; rc == 0 && i < ping->ca_pins_count; i++)
		fprintf(t->out, "%-8s %s\n", "CA pin", ping->ca_pins[i]);
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
	rc = format == LISTING_TEXT
	             ? print_text(t, &ping, err)
	             : output_message(t->out, format, &pv_PingResponse_table, &ping, err);
	fields_release(&pv_PingResponse_table, &ping);
	return rc;
}

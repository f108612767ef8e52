/* tctl auth rotate - begins a rotation of the authorities' keys, or moves it by hand. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/output.h"
#include "tctl/rotation_text.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

/* Who was left behind does not keep us from going on where nothing is taken away. */
static void print_answer(struct tctl *t, const pv_RotationStatus *answer)
{
	for (pb_size_t i = 0; i < answer->authorities_count; i++)
		rotation_text_authority(t->out, &answer->authorities[i].spec);
	if (answer->straggler_count == 0)
		return;
	fflush(t->out);
	fprintf(stderr, "tctl: warning: the phase before was not reached by\n");
	rotation_text_stragglers(stderr, answer);
}

static int rotate(struct tctl *t, const pv_RotateAuthorityRequest *request, struct err *err)
{
	enum listing_format format;
	pv_RotationStatus answer;
	int rc = cmd_format(t, LISTING_TEXT, &format, err);

	if (rc == 0)
		rc = api_call(t, AUTH_ROTATE_AUTHORITY, request, &answer, err);
	if (rc != 0)
		return rc;
	if (format == LISTING_TEXT)
		print_answer(t, &answer);
	else
		rc = output_message(t->out, format, &pv_RotationStatus_table, &answer, err);
	fields_release(&pv_RotationStatus_table, &answer);
	return rc;
}

int cmd_auth_rotate(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_RotateAuthorityRequest request = { 0 };
	const char *type = NULL, *phase = NULL, *grace = NULL;
	bool manual = false;
	const struct args_option options[] = {
		{ "type", 0, ARGS_TEXT, &type },           { "phase", 0, ARGS_TEXT, &phase },
		{ "grace-period", 0, ARGS_TEXT, &grace },  { "manual", 0, ARGS_FLAG, &manual },
		{ "force", 0, ARGS_FLAG, &request.force }, { 0 },
	};
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	request.type = (char *)type;
	request.phase = (char *)phase;
	request.mode = (char *)(manual || phase != NULL ? "manual" : "auto");
	request.has_grace_period = grace != NULL;
	if (rc == 0 && grace != NULL && str_to_duration(grace, &request.grace_period, err) != 0)
		rc = err_wrap(err, "--grace-period");
	return rc == 0 ? rotate(t, &request, err) : rc;
}

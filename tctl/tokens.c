#include "tctl/tokens.h"

#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/output.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

int tokens_create(struct tctl *t, const pv_CreateTokenRequest *request,
                  void (*print)(FILE *to, const pv_CreateTokenResponse *token), struct err *err)
{
	pv_CreateTokenResponse answer;
	enum listing_format format;
	int rc = cmd_format(t, LISTING_TEXT, &format, err);

	if (rc == 0 && api_call(t, AUTH_CREATE_TOKEN, request, &answer, err) != 0)
		rc = err_wrap(err, "make a token");
	if (rc != 0)
		return rc;
	if (format == LISTING_TEXT)
		print(t->out, &answer);
	else if (format == LISTING_NAMES)
		fprintf(t->out, "%s\n", answer.token.metadata.name);
	else
		rc = output_message(t->out, format, &pv_CreateTokenResponse_table, &answer, err);
	fields_release(&pv_CreateTokenResponse_table, &answer);
	return rc;
}

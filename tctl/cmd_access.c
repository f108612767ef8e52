/* tctl access - who may do what where, and why. */
#include "tctl/api.h"
#include "tctl/cmd.h"
#include "tctl/output.h"

#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "conf/args.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdarg.h>
#include <string.h>

/* The words may be anybody's. */
static void say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(FILE *to, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printable_write(to, text);
	fputc('\n', to);
}

static const char *text_of(const char *s)
{
	return s != NULL ? s : "";
}

static void print_roles(FILE *to, const pv_ExplainAccessResponse *a)
{
	int width = 4;

	for (size_t i = 0; i < a->roles_count; i++)
		if ((int)strlen(text_of(a->roles[i].role)) > width)
			width = (int)strlen(text_of(a->roles[i].role));
	for (size_t i = 0; i < a->roles_count; i++) {
		const pv_RoleOpinion *r = &a->roles[i];

		say(to, "  %-*s  %s%s%s%s%s", width, text_of(r->role), text_of(r->says),
		    str_empty(r->label) ? "" : " by label ", text_of(r->label),
		    str_empty(r->failed) ? "" : ": ", text_of(r->failed));
	}
}

static void print_text(FILE *to, const pv_ExplainAccessResponse *a, const char *login)
{
	say(to, "%s %s %s%s%s%s%s", text_of(a->user),
	    a->allowed ? "may log in to" : "may not log in to", text_of(a->hostname),
	    login != NULL ? " as " : "", text_of(login), a->allowed ? "" : ": ",
	    text_of(a->reason));
	print_roles(to, a);
	if (a->roles_count == 0)
		return;
	fputs("logins there:", to);
	for (size_t i = 0; i < a->logins_count; i++) {
		fputc(' ', to);
		printable_write(to, a->logins[i]);
	}
	fputs(a->logins_count > 0 ? "\nlimits:\n" : " none\nlimits:\n", to);
	for (size_t i = 0; i < a->limits_count; i++)
		say(to, "  %s: %s (%s)", text_of(a->limits[i].name), text_of(a->limits[i].value),
		    text_of(a->limits[i].enforced_by));
}

int cmd_access_explain(struct tctl *t, int argc, char **argv, struct err *err)
{
	enum listing_format format;
	pv_ExplainAccessRequest request = { 0 };
	pv_ExplainAccessResponse answer;
	int rc = cmd_parse(t, NULL, 2, 3, &argc, argv, err);

	if (rc == 0)
		rc = cmd_format(t, LISTING_TEXT, &format, err);
	if (rc != 0)
		return rc;
	request.user = argv[0];
	request.node = argv[1];
	request.login = argc > 2 ? argv[2] : NULL;
	rc = api_call(t, AUTH_EXPLAIN_ACCESS, &request, &answer, err);
	if (rc != 0)
		return rc;
	if (format == LISTING_JSON || format == LISTING_YAML)
		rc = output_message(t->out, format, &pv_ExplainAccessResponse_table, &answer, err);
	else
		print_text(t->out, &answer, request.login);
	fields_release(&pv_ExplainAccessResponse_table, &answer);
	return rc;
}

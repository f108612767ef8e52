#include "proxyd/web_invite.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/form.h"
#include "proxyd/web_request.h"
#include "proto/auth.service.h"
#include "rpc/http_conn.h"
#include "wire/grpc.h"
#include "wire/qr.h"

#include "proto/auth.pb.h"

#include <stdlib.h>
#include <string.h>

static void answer_failure(struct web_request *r, const struct err *err)
{
	struct buf text = { 0 };

	buf_append_str(&text, "<p>");
	form_append_html(&text, err->msg);
	buf_append_str(&text, "</p>");
	if (r->token != NULL) {
		buf_append_str(&text, "<p><a href=\"" WEB_INVITE_PATH "/");
		form_append_html(&text, r->token);
		buf_append_str(&text, "\">Try again</a></p>");
	}
	web_answer_page(r, grpc_http_status(err->code), "That did not work", buf_str(&text));
	buf_wipe(&text);
}

/* --- the form -------------------------------------------------------------------------------- */

/* For the app: a picture to read, the key to type, and a field for the code that it then shows. */
static void append_enrollment(struct buf *out, const pv_GetInviteResponse *invite)
{
	bool required = str_eq(invite->second_factor, "otp");
	struct err ignored;

	if (!invite->has_enrollment || str_empty(invite->enrollment.uri))
		return;
	buf_appendf(out, "<p>%s Read this code with an authenticator app:</p>\n<p>",
	            required ? "This cluster asks for a second factor."
	                     : "You may add a second factor.");
	qr_append_svg(out, invite->enrollment.uri, &ignored);
	buf_append_str(out, "</p>\n<p>or type the key there: <code>");
	form_append_html(out, str_empty(invite->enrollment.key) ? "" : invite->enrollment.key);
	buf_appendf(out,
	            "</code></p>\n<label>Code that the app shows%s<input name=\"otp\" "
	            "inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"8\"%s>"
	            "</label>\n",
	            required ? "" : " (empty for none)", required ? " required" : "");
}

static void append_form(struct buf *out, const struct web_request *r,
                        const pv_GetInviteResponse *invite)
{
	char until[STR_TIME_SIZE];

	buf_append_str(out, "<p>Choose a password for <b>");
	form_append_html(out, invite->user != NULL ? invite->user : "");
	buf_append_str(out, "</b> in the cluster <b>");
	form_append_html(out, invite->cluster_name != NULL ? invite->cluster_name : "");
	buf_appendf(out,
	            "</b>. This invite is good until %s.</p>\n"
	            "<form method=\"post\" action=\"" WEB_INVITE_PATH "\">\n"
	            "<input type=\"hidden\" name=\"token\" value=\"",
	            str_from_time(until, sizeof(until), invite->expires));
	form_append_html(out, r->token);
	buf_append_str(out, "\">\n<label>Password (6 characters or more)<input type=\"password\" "
	                    "name=\"password\" minlength=\"6\" maxlength=\"128\" "
	                    "autocomplete=\"new-password\" required autofocus></label>\n"
	                    "<label>The same again<input type=\"password\" name=\"again\" "
	                    "autocomplete=\"new-password\" required></label>\n");
	append_enrollment(out, invite);
	buf_append_str(out, "<button>Set password</button></form>");
}

static void answer_form(struct web_request *r, const void *response, const struct err *err)
{
	struct buf form = { 0 };

	if (err != NULL) {
		free(r->token); /* trying again will not help */
		r->token = NULL;
		answer_failure(r, err);
		return;
	}
	append_form(&form, r, response);
	web_answer_page(r, 200, "Welcome", buf_str(&form));
	buf_wipe(&form);
}

static void serve_form(struct web_request *r, const char *token)
{
	pv_GetInviteRequest request = { .token = (char *)token };

	r->token = strdup(token);
	web_request_call(r, AUTH_GET_INVITE, &request, answer_form);
}

/* --- the password ---------------------------------------------------------------------------- */

static void answer_accepted(struct web_request *r, const void *response, const struct err *err)
{
	(void)response;
	if (err != NULL)
		answer_failure(r, err);
	else
		web_answer_page(r, 200, "Done",
		                "<p>Your password is set. Now log in: <code>tsh login</code></p>");
}

static int read_form(const struct http1_message *m, struct buf *token, struct buf *password,
                     struct buf *otp, struct err *err)
{
	struct buf again = { 0 };
	int rc;

	rc = form_get(m->body, m->body_len, "token", token, err);
	if (rc == 0)
		rc = form_get(m->body, m->body_len, "password", password, err);
	if (rc == 0)
		rc = form_get(m->body, m->body_len, "again", &again, err);
	if (rc == 0 && (rc = form_get(m->body, m->body_len, "otp", otp, err)) == ERR_NOT_FOUND)
		rc = 0; /* the page asks for none */
	if (rc == 0 && !str_eq(buf_str(password), buf_str(&again)))
		rc = err_set(err, ERR_INVALID, "The two passwords differ.");
	buf_wipe(&again);
	return rc;
}

static void serve_password(struct web_request *r, const struct http1_message *m)
{
	struct buf token = { 0 };
	struct buf password = { 0 };
	struct buf otp = { 0 };
	struct err err = { 0 };
	int rc;

	rc = read_form(m, &token, &password, &otp, &err);
	r->token = token.len > 0 ? strdup(buf_str(&token)) : NULL;
	if (rc == 0) {
		pv_AcceptInviteRequest request = { .token = (char *)token.data,
			                           .password = (char *)password.data,
			                           .otp = (char *)otp.data };

		web_request_call(r, AUTH_ACCEPT_INVITE, &request, answer_accepted);
	} else {
		answer_failure(r, &err);
		web_request_free(r);
	}
	buf_wipe(&token);
	buf_wipe(&password);
	buf_wipe(&otp);
}

/* --- entry ----------------------------------------------------------------------------------- */

bool web_invite_serve(struct web_request *r, const struct http1_message *m)
{
	const char *rest;

	if (!str_starts(m->target, WEB_INVITE_PATH))
		return false;
	rest = m->target + strlen(WEB_INVITE_PATH);
	if (str_eq(m->method, "GET") && *rest == '/' && rest[1] != 0)
		serve_form(r, rest + 1);
	else if (str_eq(m->method, "POST") && *rest == 0)
		serve_password(r, m);
	else
		return false;
	return true;
}

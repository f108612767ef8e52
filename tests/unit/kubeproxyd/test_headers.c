/* headers, impersonation, status: what goes to the API server, as whom, and how a refusal looks. */
#include "kubeproxyd/request/headers.h"

#include "base/buf.h"
#include "base/err.h"
#include "kubeproxyd/request/impersonation.h"
#include "kubeproxyd/request/status.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define MOST        6

static size_t count_of(const struct http1_header *headers)
{
	size_t n = 0;

	while (n < MOST && headers[n].name != NULL)
		n++;
	return n;
}

/* --- impersonation --------------------------------------------------------------------------- */

/* "user: group, group", or the error. */
static const char *chosen(const struct http1_header *headers, const char *user, const char *other)
{
	static char text[600];
	struct strlist users = { 0 }, groups = { 0 };
	struct impersonation i;
	struct err err;

	assert_int_equal(strlist_add(&users, user, &err), 0);
	if (other != NULL)
		assert_int_equal(strlist_add(&users, other, &err), 0);
	assert_int_equal(strlist_add(&groups, "devs", &err), 0);
	assert_int_equal(strlist_add(&groups, "ops", &err), 0);
	if (impersonation_choose(&i, headers, count_of(headers), &users, &groups, &err) != 0) {
		snprintf(text, sizeof(text), "%s",
		         err.code == ERR_DENIED &&
		                         strstr(err.msg, "impersonation request has been denied")
		                 ? "denied"
		                 : err.msg);
		assert_null(i.user);
	} else {
		snprintf(text, sizeof(text), "%s:", i.user);
		for (size_t k = 0; k < i.groups.count; k++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
			         i.groups.items[k]);
		impersonation_deinit(&i);
	}
	strlist_deinit(&users);
	strlist_deinit(&groups);
	return text;
}

static void a_client_chooses_among_what_is_allowed_and_nothing_else(void **state)
{
	static const struct {
		const char *user, *other; /* allowed; groups are devs and ops */
		struct http1_header headers[MOST];
		const char *want;
	} rows[] = {
		{ "jane", NULL, { { 0 } }, "jane: devs ops" },
		{ "jane", NULL, { { "Accept", "*/*" } }, "jane: devs ops" },
		{ "jane", "john", { { 0 } }, "denied" },
		{ "jane", "john", { { "Impersonate-User", "john" } }, "john: devs ops" },
		{ "jane", NULL, { { "impersonate-USER", "jane" } }, "jane: devs ops" },
		{ "jane", NULL, { { "Impersonate-User", "root" } }, "denied" },
		{ "jane", NULL, { { "Impersonate-User", "" } }, "denied" },
		{ "jane", NULL, { { "Impersonate-User", "JANE" } }, "denied" },
		{ "jane",
		  "john",
		  { { "Impersonate-User", "jane" }, { "Impersonate-User", "john" } },
		  "denied" },
		{ "jane",
		  NULL,
		  { { "Impersonate-User", "jane" }, { "Impersonate-User", "jane" } },
		  "denied" },
		{ "jane", NULL, { { "Impersonate-Group", "ops" } }, "jane: ops" },
		{ "jane",
		  NULL,
		  { { "Impersonate-Group", "ops" },
		    { "impersonate-group", "ops" },
		    { "Impersonate-Group", "devs" } },
		  "jane: ops devs" },
		{ "jane", NULL, { { "Impersonate-Group", "system:masters" } }, "denied" },
		{ "jane",
		  NULL,
		  { { "Impersonate-Group", "ops" }, { "Impersonate-Group", "x" } },
		  "denied" },
		{ "jane", NULL, { { "Impersonate-Group", "ops,devs" } }, "denied" },
		{ "jane", NULL, { { "Impersonate-Uid", "7" } }, "denied" },
		{ "jane", NULL, { { "Impersonate-Extra-Scopes", "all" } }, "denied" },
		{ "jane", NULL, { { "IMPERSONATE-", "x" } }, "denied" },
		{ "jane", NULL, { { "Impersonate-Users", "jane" } }, "denied" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(chosen(rows[i].headers, rows[i].user, rows[i].other), rows[i].want) != 0)
			fail_msg("row %zu: %s", i,
			         chosen(rows[i].headers, rows[i].user, rows[i].other));
}

static void the_choice_is_written_as_headers(void **state)
{
	char user[] = "jane";
	struct impersonation i = { .user = user };
	struct headers h = { .count = 0 };
	struct err err;

	(void)state;
	assert_int_equal(strlist_add(&i.groups, "devs", &err), 0);
	assert_int_equal(strlist_add(&i.groups, "ops", &err), 0);
	assert_int_equal(impersonation_write(&i, &h, &err), 0);
	assert_int_equal(h.count, 3);
	assert_string_equal(headers_get(&h, "impersonate-user"), "jane");
	assert_string_equal(h.items[1].value, "devs");
	assert_string_equal(h.items[2].name, "Impersonate-Group");
	assert_string_equal(h.items[2].value, "ops");
	headers_deinit(&h);
	strlist_deinit(&i.groups);
}

/* --- what passes ----------------------------------------------------------------------------- */

static void what_is_not_the_clients_to_say_goes(void **state)
{
	static const struct http1_header from[] = {
		{ ":method", "GET" },
		{ "Host", "here" },
		{ "Accept", "a" },
		{ "Connection", "keep-alive, X-One" },
		{ "connection", "x-two" },
		{ "Keep-Alive", "5" },
		{ "X-One", "1" },
		{ "x-TWO", "2" },
		{ "Transfer-Encoding", "chunked" },
		{ "Content-Length", "5" },
		{ "TE", "trailers" },
		{ "Trailer", "x" },
		{ "Upgrade", "h2c" },
		{ "HTTP2-Settings", "x" },
		{ "Proxy-Authorization", "x" },
		{ "Authorization", "Bearer x" },
		{ "Cookie", "a=b" },
		{ "Expect", "100-continue" },
		{ "Impersonate-User", "root" },
		{ "Impersonate-Extra-X", "y" },
		{ "X-Forwarded-For", "1.2.3.4" },
		{ "Forwarded", "for=1.2.3.4" },
		{ "X-Remote-User", "root" },
		{ "X-Remote-Extra-A", "b" },
		{ "Sec-WebSocket-Key", "x" },
		{ "X-Stream-Protocol-Version", "v4" },
		{ "Content-Type", "b" },
		{ "Accept-Encoding", "gzip" },
		{ "Hostile", "kept" },
	};
	static const char *const kept[] = { "Accept", "Content-Type", "Accept-Encoding",
		                            "Hostile" };
	struct headers to = { .count = 0 };
	struct err err;

	(void)state;
	assert_int_equal(headers_take_request(&to, from, COUNT(from), &err), 0);
	assert_int_equal(to.count, COUNT(kept));
	for (size_t i = 0; i < COUNT(kept); i++)
		assert_string_equal(to.items[i].name, kept[i]);
	headers_deinit(&to);
}

static void an_answer_keeps_all_but_its_connections(void **state)
{
	static const struct http1_header from[] = {
		{ "Content-Type", "a" }, { "Connection", "close" },    { "Content-Length", "5" },
		{ "Audit-Id", "b" },     { "Warning", "299 - \"x\"" },
	};
	struct headers to = { .count = 0 };
	struct err err;

	(void)state;
	assert_int_equal(headers_take_answer(&to, from, COUNT(from), &err), 0);
	assert_int_equal(to.count, 3);
	assert_string_equal(headers_get(&to, "audit-id"), "b");
	assert_null(headers_get(&to, "content-length"));
	headers_deinit(&to);
}

static void headers_are_bounded(void **state)
{
	struct headers to = { .count = 0 };
	struct err err;

	(void)state;
	for (int i = 0; i < HEADERS_MAX; i++)
		assert_int_equal(headers_add(&to, "a", "b", &err), 0);
	assert_int_equal(headers_add(&to, "a", "b", &err), ERR_LIMIT);
	headers_deinit(&to);
}

/* --- Status ---------------------------------------------------------------------------------- */

static void a_refusal_is_a_status(void **state)
{
	static const struct {
		int err, code;
		const char *reason;
	} rows[] = {
		{ ERR_DENIED, 403, "Forbidden" },
		{ ERR_UNAUTHENTICATED, 401, "Unauthorized" },
		{ ERR_INVALID, 400, "BadRequest" },
		{ ERR_LIMIT, 429, "TooManyRequests" },
		{ ERR_TIMEOUT, 504, "Timeout" },
		{ ERR_UNAVAILABLE, 503, "ServiceUnavailable" },
		{ ERR_INTERNAL, 500, "InternalError" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err err = { rows[i].err, "say \"no\"", 0 };
		struct buf b = { 0 };
		struct status s;
		char want[300];

		snprintf(want, sizeof(want),
		         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		         "\"status\":\"Failure\",\"message\":\"say \\\"no\\\"\","
		         "\"reason\":\"%s\",\"code\":%d}",
		         rows[i].reason, rows[i].code);
		status_append(&b, status_of_err(&err), err.msg);
		if (strcmp(buf_str(&b), want) != 0)
			fail_msg("%s\n%s", buf_str(&b), want);
		assert_int_equal(status_read(&s, b.data, b.len, &err), 0);
		assert_false(s.success);
		assert_int_equal(s.code, rows[i].code);
		assert_string_equal(s.reason, rows[i].reason);
		assert_int_equal(s.exit_code, -1);
		buf_deinit(&b);
	}
}

static void how_a_command_ended_is_read(void **state)
{
	static const struct {
		const char *text;
		int rc, exit_code;
		bool success;
	} rows[] = {
		{ "{\"metadata\":{},\"status\":\"Success\"}", 0, -1, true },
		{ "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
		  "[{\"reason\":\"x\",\"message\":\"9\"},{\"reason\":\"ExitCode\",\"message\":"
		  "\"42\"}"
		  "]}}",
		  0, 42, false },
		{ "{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		  "\"message\":\"no\"}]}}",
		  0, -1, false },
		{ "{\"status\":\"Failure\",\"details\":{\"causes\":7}}", 0, -1, false },
		{ "{\"status\":\"Failure\",\"details\":[]}", 0, -1, false },
		{ "{\"status\":\"Other\"}", ERR_INVALID, 0, false },
		{ "{}", ERR_INVALID, 0, false },
		{ "[]", ERR_INVALID, 0, false },
		{ "command failed", ERR_INVALID, 0, false },
		{ "", ERR_INVALID, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct status s;
		struct err err;
		int rc = status_read(&s, rows[i].text, strlen(rows[i].text), &err);

		if (rc != rows[i].rc)
			fail_msg("%s: %d", rows[i].text, rc);
		if (rc == 0 && (s.exit_code != rows[i].exit_code || s.success != rows[i].success))
			fail_msg("%s: %d", rows[i].text, s.exit_code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_chooses_among_what_is_allowed_and_nothing_else),
		cmocka_unit_test(the_choice_is_written_as_headers),
		cmocka_unit_test(what_is_not_the_clients_to_say_goes),
		cmocka_unit_test(an_answer_keeps_all_but_its_connections),
		cmocka_unit_test(headers_are_bounded),
		cmocka_unit_test(a_refusal_is_a_status),
		cmocka_unit_test(how_a_command_ended_is_read),
	};

	return unit_run(tests);
}

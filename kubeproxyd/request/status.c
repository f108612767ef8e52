#include "kubeproxyd/request/status.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

/* --- writing --------------------------------------------------------------------------------- */

static const struct {
	int code;
	const char *reason;
} reasons[] = {
	{ 400, "BadRequest" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "NotFound" },
	{ 405, "MethodNotAllowed" },
	{ 408, "Timeout" },
	{ 413, "RequestEntityTooLarge" },
	{ 429, "TooManyRequests" },
	{ 431, "RequestEntityTooLarge" },
	{ 500, "InternalError" },
	{ 502, "ServiceUnavailable" },
	{ 503, "ServiceUnavailable" },
	{ 504, "Timeout" },
};

static const char *reason_of(int code)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].code == code)
			return reasons[i].reason;
	return "";
}

int status_of_err(const struct err *err)
{
	static const struct {
		int err;
		int code;
	} rows[] = {
		{ ERR_INVALID, 400 },     { ERR_UNAUTHENTICATED, 401 }, { ERR_UNTRUSTED, 401 },
		{ ERR_DENIED, 403 },      { ERR_NOT_FOUND, 404 },       { ERR_LIMIT, 429 },
		{ ERR_UNAVAILABLE, 503 }, { ERR_TIMEOUT, 504 },         { ERR_UNSUPPORTED, 400 },
		{ ERR_CORRUPT, 502 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err->code)
			return rows[i].code;
	return 500;
}

static struct value *make(int code, const char *message, struct err *err)
{
	struct value *v = value_new(VALUE_MAP);

	if (v != NULL && value_put(v, "kind", value_new_text("Status"), err) == 0 &&
	    value_put(v, "apiVersion", value_new_text("v1"), err) == 0 &&
	    value_put(v, "metadata", value_new(VALUE_MAP), err) == 0 &&
	    value_put(v, "status", value_new_text("Failure"), err) == 0 &&
	    value_put(v, "message", value_new_text(message), err) == 0 &&
	    value_put(v, "reason", value_new_text(reason_of(code)), err) == 0 &&
	    value_put(v, "code", value_new_int(code), err) == 0)
		return v;
	value_free(v);
	return NULL;
}

void status_append(struct buf *out, int code, const char *message)
{
	struct err ignored;
	struct value *v = make(code, message, &ignored);

	if (v == NULL || json_write(v, false, out, &ignored) != 0)
		out->failed = ERR_NOMEM;
	value_free(v);
}

/* --- reading --------------------------------------------------------------------------------- */

static void copy_cut(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

static int exit_code_of(const struct value *status)
{
	const struct value *causes = value_get(value_get(status, "details"), "causes");
	struct err ignored;
	int64_t code;

	for (size_t i = 0; causes != NULL && causes->type == VALUE_LIST && i < causes->count; i++) {
		const char *text = value_get_text(causes->items[i], "message");

		if (str_eq(value_get_text(causes->items[i], "reason"), "ExitCode") &&
		    text != NULL && str_to_i64(text, 0, 255, &code, &ignored) == 0)
			return (int)code;
	}
	return -1;
}

int status_read(struct status *out, const void *text, size_t len, struct err *err)
{
	const struct value *code;
	const char *word;
	struct value *v;
	bool told;

	memset(out, 0, sizeof(*out));
	if (len > STATUS_SIZE_MAX)
		return err_set(err, ERR_INVALID, "a Status of more than %u bytes", STATUS_SIZE_MAX);
	if (json_read(text, len, &v, err) != 0)
		return err_set(err, ERR_INVALID, "not a Status: not JSON");
	word = value_get_text(v, "status");
	code = value_get(v, "code");
	out->success = str_eq(word, "Success");
	if (code != NULL && code->type == VALUE_INT && code->number >= 0 && code->number <= 999)
		out->code = (int)code->number;
	copy_cut(out->reason, sizeof(out->reason), value_get_text(v, "reason"));
	copy_cut(out->message, sizeof(out->message), value_get_text(v, "message"));
	out->exit_code = exit_code_of(v);
	told = out->success || str_eq(word, "Failure");
	value_free(v);
	return told ? 0 : err_set(err, ERR_INVALID, "not a Status: neither success nor failure");
}

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ERR_CODES] = {
	[ERR_OK] = "ok",
	[ERR_INVALID] = "invalid",
	[ERR_NOT_FOUND] = "not found",
	[ERR_EXISTS] = "already exists",
	[ERR_CONFLICT] = "conflict",
	[ERR_DENIED] = "denied",
	[ERR_UNAUTHENTICATED] = "unauthenticated",
	[ERR_UNTRUSTED] = "untrusted",
	[ERR_LIMIT] = "limit",
	[ERR_UNAVAILABLE] = "unavailable",
	[ERR_TIMEOUT] = "timeout",
	[ERR_CANCELED] = "canceled",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_CORRUPT] = "corrupt",
	[ERR_IO] = "io",
	[ERR_NOMEM] = "out of memory",
	[ERR_INTERNAL] = "internal",
};

/* Marks a message that did not fit, so that a reader knows there was more. */
static void mark_cut(struct err *err, int wanted)
{
	if (wanted >= ERR_MSG_SIZE)
		memcpy(err->msg + ERR_MSG_SIZE - 4, "...", 4);
}

__attribute__((format(printf, 3, 0))) static void set_va(struct err *err, int code, const char *fmt,
                                                         va_list ap)
{
	err->code = code;
	err->retry_ms = 0;
	mark_cut(err, vsnprintf(err->msg, sizeof(err->msg), fmt, ap));
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_va(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_set_errno(struct err *err, int code, int errnum, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	set_va(err, code, fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	mark_cut(err, (int)len + snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
	                                  strerror(errnum)));
	return code;
}

int err_set_nomem(struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory");
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	unsigned retry_ms = err->retry_ms;
	char cause[ERR_MSG_SIZE];
	va_list ap;
	size_t len;

	memcpy(cause, err->msg, sizeof(cause));
	va_start(ap, fmt);
	set_va(err, err->code, fmt, ap);
	va_end(ap);
	err->retry_ms = retry_ms;
	len = strlen(err->msg);
	mark_cut(err, (int)len + snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", cause));
	return err->code;
}

int err_copy(struct err *to, const struct err *from)
{
	*to = *from;
	return from->code;
}

const char *err_name(int code)
{
	return code >= 0 && code < ERR_CODES ? names[code] : "unknown";
}

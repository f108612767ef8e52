#include "wire/http1.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/http1_check.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 421, "Misdirected Request" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 499, "Client Closed Request" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

const char *http1_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static int append_headers(struct buf *out, const struct http1_header *headers, size_t count,
                          struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = headers[i].name;
		const char *value = headers[i].value;

		if (http1_check_name(name, strlen(name), err) != 0 ||
		    http1_check_value(value, strlen(value), err) != 0)
			return err_wrap(err, "write header");
		if (strcasecmp(name, "content-length") == 0 ||
		    strcasecmp(name, "transfer-encoding") == 0)
			return err_set(err, ERR_INVALID, "header '%s' is not the caller's", name);
		buf_appendf(out, "%s: %s\r\n", name, value);
	}
	return 0;
}

/* Gives `out` the bytes of a whole message, or none of them. */
static int finish(struct buf *out, struct buf *message, int rc, struct err *err)
{
	if (rc == 0)
		rc = buf_check(message, err);
	if (rc == 0) {
		buf_append(out, message->data, message->len);
		rc = buf_check(out, err);
	}
	buf_wipe(message);
	return rc;
}

/* RFC 9110 8.6: these have no body and no length. */
static bool has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

int http1_write_response(struct buf *out, int status, const struct http1_header *headers,
                         size_t count, const void *body, size_t body_len, struct err *err)
{
	struct buf b = { 0 };
	int rc;

	buf_appendf(&b, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
	rc = append_headers(&b, headers, count, err);
	if (has_body(status))
		buf_appendf(&b, "Content-Length: %zu\r\n", body_len);
	buf_append_str(&b, "\r\n");
	if (has_body(status) && body != NULL)
		buf_append(&b, body, body_len);
	return finish(out, &b, rc, err);
}

static void append_framing(struct buf *out, int64_t length)
{
	if (length >= 0)
		buf_appendf(out, "Content-Length: %" PRId64 "\r\n", length);
	else if (length == HTTP1_CHUNKED)
		buf_append_str(out, "Transfer-Encoding: chunked\r\n");
	buf_append_str(out, "\r\n");
}

int http1_write_request_head(struct buf *out, const char *method, const char *target,
                             const struct http1_header *headers, size_t count, int64_t length,
                             struct err *err)
{
	struct buf b = { 0 };
	int rc;

	rc = http1_check_name(method, strlen(method), err);
	if (rc == 0)
		rc = http1_check_target(target, strlen(target), err);
	buf_appendf(&b, "%s %s HTTP/1.1\r\n", method, target);
	if (rc == 0)
		rc = append_headers(&b, headers, count, err);
	append_framing(&b, length);
	return finish(out, &b, rc, err);
}

int http1_write_request(struct buf *out, const char *method, const char *target,
                        const struct http1_header *headers, size_t count, const void *body,
                        size_t body_len, struct err *err)
{
	struct buf b = { 0 };
	int rc = http1_write_request_head(&b, method, target, headers, count,
	                                  body != NULL ? (int64_t)body_len : HTTP1_NO_BODY, err);

	if (body_len > 0)
		buf_append(&b, body, body_len);
	return finish(out, &b, rc, err);
}

int http1_write_response_head(struct buf *out, int status, const struct http1_header *headers,
                              size_t count, int64_t length, struct err *err)
{
	struct buf b = { 0 };
	int rc;

	buf_appendf(&b, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
	rc = append_headers(&b, headers, count, err);
	append_framing(&b, length);
	return finish(out, &b, rc, err);
}

int http1_write_chunked_head(struct buf *out, int status, const struct http1_header *headers,
                             size_t count, struct err *err)
{
	return http1_write_response_head(out, status, headers, count, HTTP1_CHUNKED, err);
}

int http1_write_unframed_head(struct buf *out, int status, const struct http1_header *headers,
                              size_t count, struct err *err)
{
	return http1_write_response_head(out, status, headers, count, HTTP1_UNFRAMED, err);
}

void http1_write_chunk(struct buf *out, const void *data, size_t len)
{
	buf_appendf(out, "%zx\r\n", len);
	if (len > 0)
		buf_append(out, data, len);
	buf_append_str(out, "\r\n");
}

#include "wire/grpc.h"

#include "base/err.h"
#include "base/span.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- frames --- */

void grpc_reader_init(struct grpc_reader *r, size_t max)
{
	memset(r, 0, sizeof(*r));
	r->max = max != 0 ? max : GRPC_MESSAGE_MAX;
	buf_init(&r->buf, 2 * (r->max + GRPC_HEADER_SIZE));
}

void grpc_reader_deinit(struct grpc_reader *r)
{
	buf_wipe(&r->buf);
	r->used = 0;
}

int grpc_reader_feed(struct grpc_reader *r, const void *data, size_t len, struct err *err)
{
	buf_consume(&r->buf, r->used);
	r->used = 0;
	buf_append(&r->buf, data, len);
	return buf_check(&r->buf, err);
}

int grpc_reader_next(struct grpc_reader *r, bool *out_some, const uint8_t **out_data,
                     size_t *out_len, struct err *err)
{
	size_t left = grpc_reader_waiting(r);
	const uint8_t *at = left > 0 ? r->buf.data + r->used : NULL;
	size_t len;

	*out_some = false;
	if (left == 0)
		grpc_reader_deinit(r); /* an idle stream holds no memory */
	if (left < GRPC_HEADER_SIZE)
		return 0;
	len = span_u32_at(at + 1);
	if (at[0] == 1)
		return err_set(err, ERR_UNSUPPORTED, "compressed messages are not understood");
	if (at[0] != 0)
		return err_set(err, ERR_INVALID, "bad flag %u in front of a message", at[0]);
	if (len > r->max)
		return err_set(err, ERR_LIMIT, "a message of %zu bytes, the limit is %zu", len,
		               r->max);
	if (left < GRPC_HEADER_SIZE + len)
		return 0;
	r->used += GRPC_HEADER_SIZE + len;
	*out_data = at + GRPC_HEADER_SIZE;
	*out_len = len;
	*out_some = true;
	return 0;
}

size_t grpc_reader_waiting(const struct grpc_reader *r)
{
	return r->buf.len - r->used;
}

void grpc_write_frame(struct buf *out, const void *data, size_t len)
{
	buf_append_byte(out, 0);
	buf_append_u32(out, (uint32_t)len);
	if (len > 0)
		buf_append(out, data, len);
}

/* --- results --- */

/* google.rpc.Code; the first row with a gRPC code is the way back from it. */
static const struct {
	int err;
	int grpc;
	int http;
	const char *name;
} codes[] = {
	{ ERR_OK, 0, 200, "OK" },
	{ ERR_CANCELED, 1, 499, "CANCELLED" },
	{ ERR_INVALID, 3, 400, "INVALID_ARGUMENT" },
	{ ERR_TIMEOUT, 4, 504, "DEADLINE_EXCEEDED" },
	{ ERR_NOT_FOUND, 5, 404, "NOT_FOUND" },
	{ ERR_EXISTS, 6, 409, "ALREADY_EXISTS" },
	{ ERR_DENIED, 7, 403, "PERMISSION_DENIED" },
	{ ERR_LIMIT, 8, 429, "RESOURCE_EXHAUSTED" },
	{ ERR_CONFLICT, 9, 412, "FAILED_PRECONDITION" },
	{ ERR_CONFLICT, 10, 412, "ABORTED" },
	{ ERR_INVALID, 11, 400, "OUT_OF_RANGE" },
	{ ERR_UNSUPPORTED, 12, 501, "UNIMPLEMENTED" },
	{ ERR_INTERNAL, 13, 500, "INTERNAL" },
	{ ERR_INTERNAL, 2, 500, "UNKNOWN" },
	{ ERR_IO, 13, 500, "INTERNAL" },
	{ ERR_NOMEM, 8, 429, "RESOURCE_EXHAUSTED" },
	{ ERR_UNAVAILABLE, 14, 503, "UNAVAILABLE" },
	{ ERR_CORRUPT, 15, 500, "DATA_LOSS" },
	{ ERR_UNAUTHENTICATED, 16, 401, "UNAUTHENTICATED" },
	{ ERR_UNTRUSTED, 16, 401, "UNAUTHENTICATED" },
};

#define CODES        (sizeof(codes) / sizeof(codes[0]))
#define ROW_INTERNAL 12

static size_t row_of_err(int err_code)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i].err == err_code)
			return i;
	return ROW_INTERNAL;
}

int grpc_from_err(int err_code)
{
	return codes[row_of_err(err_code)].grpc;
}

int grpc_http_status(int err_code)
{
	return codes[row_of_err(err_code)].http;
}

const char *grpc_code_name(int err_code)
{
	return codes[row_of_err(err_code)].name;
}

int grpc_to_err(int grpc_code)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i].grpc == grpc_code)
			return codes[i].err;
	return ERR_INTERNAL;
}

int grpc_err_from_http(int status)
{
	if (status >= 200 && status < 300)
		return ERR_OK;
	for (size_t i = 0; i < CODES; i++)
		if (codes[i].http == status)
			return codes[i].err;
	return status == 502 ? ERR_UNAVAILABLE : ERR_INTERNAL;
}

void grpc_encode_message(struct buf *out, const char *text)
{
	for (const char *c = text; *c != 0; c++) {
		if (*c < 0x20 || *c > 0x7e || *c == '%')
			buf_appendf(out, "%%%02X", (unsigned char)*c);
		else
			buf_append_byte(out, (uint8_t)*c);
	}
}

static int hex_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

void grpc_decode_message(struct buf *out, const char *text)
{
	for (const char *c = text; *c != 0; c++) {
		int byte = (unsigned char)*c;

		if (byte == '%' && hex_value(c[1]) >= 0 && hex_value(c[2]) >= 0) {
			byte = hex_value(c[1]) * 16 + hex_value(c[2]);
			c += 2;
		}
		buf_append_byte(out, byte < 0x20 || byte == 0x7f ? ' ' : (uint8_t)byte);
	}
}

/* --- headers --- */

const char *grpc_method_of(const char *path, const char *service)
{
	size_t len = strlen(service);

	if (*path != '/' || strncmp(path + 1, service, len) != 0 || path[len + 1] != '/')
		return NULL;
	return path + len + 2;
}

bool grpc_content_type(const char *value)
{
	static const char grpc[] = "application/grpc";

	if (value == NULL || !str_starts(value, grpc))
		return false;
	value += sizeof(grpc) - 1;
	return *value == 0 || *value == ';' || str_eq(value, "+proto") ||
	       str_starts(value, "+proto;");
}

static const struct {
	char unit;
	int64_t per_ms; /* units in a millisecond, or … */
	int64_t ms;     /* … milliseconds in a unit */
} units[] = {
	{ 'n', 1000000, 0 }, { 'u', 1000, 0 },  { 'm', 1, 0 },
	{ 'S', 0, 1000 },    { 'M', 0, 60000 }, { 'H', 0, 3600000 },
};

#define TIMEOUT_DIGITS 8
#define TIMEOUT_MAX    (30LL * 24 * 3600 * 1000)

int grpc_parse_timeout(const char *value, int64_t *out_ms, struct err *err)
{
	int64_t n = 0;
	int64_t ms = -1;
	size_t digits = 0;

	while (digits <= TIMEOUT_DIGITS && isdigit((unsigned char)value[digits]))
		n = n * 10 + (value[digits++] - '0');
	if (digits == 0 || digits > TIMEOUT_DIGITS || value[digits] == 0 || value[digits + 1] != 0)
		return err_set(err, ERR_INVALID, "bad grpc-timeout");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == value[digits])
			ms = units[i].ms != 0 ? n * units[i].ms
			                      : (n + units[i].per_ms - 1) / units[i].per_ms;
	if (ms < 0)
		return err_set(err, ERR_INVALID, "bad unit in grpc-timeout");
	*out_ms = ms < TIMEOUT_MAX ? ms : TIMEOUT_MAX;
	return 0;
}

char *grpc_format_timeout(char out[GRPC_TIMEOUT_SIZE], int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms <= 99999999)
		snprintf(out, GRPC_TIMEOUT_SIZE, "%dm", (int)ms);
	else
		snprintf(out, GRPC_TIMEOUT_SIZE, "%dS",
		         (int)((ms < TIMEOUT_MAX ? ms : TIMEOUT_MAX) / 1000));
	return out;
}

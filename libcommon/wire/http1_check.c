#include "wire/http1_check.h"

#include "base/err.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What has been seen so far in a head. */
struct head {
	enum http1_kind kind;
	const struct http1_limits *limits;
	int minor; /* of the version */
	size_t headers;
	int hosts;
	int lengths;
	int encodings;
};

/* RFC 9110 5.6.2 */
static bool is_token(int c)
{
	return isalnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

int http1_check_name(const char *name, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token((unsigned char)name[i]))
			return err_set(err, ERR_INVALID, "bad character in a header name");
	return len > 0 ? 0 : err_set(err, ERR_INVALID, "a header without a name");
}

int http1_check_value(const char *value, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return err_set(err, ERR_INVALID, "control character in a header value");
	}
	return 0;
}

/* Only the origin form, "/path?query", and "*". */
int http1_check_target(const char *target, size_t len, struct err *err)
{
	if (len == 1 && *target == '*')
		return 0;
	if (len == 0 || *target != '/')
		return err_set(err, ERR_INVALID, "the request target is not a path");
	for (size_t i = 0; i < len; i++)
		if (target[i] <= 0x20 || target[i] >= 0x7f)
			return err_set(err, ERR_INVALID, "bad character in the request target");
	return 0;
}

static int check_version(struct head *h, const char *text, size_t len, struct err *err)
{
	if (len != 8 || memcmp(text, "HTTP/1.", 7) != 0 || (text[7] != '0' && text[7] != '1'))
		return err_set(err, ERR_INVALID, "not HTTP/1.1");
	h->minor = text[7] - '0';
	return 0;
}

/* METHOD SP target SP version */
static int check_request_line(struct head *h, const char *line, size_t len, struct err *err)
{
	const char *end = line + len;
	const char *target = memchr(line, ' ', len);
	const char *version;

	if (target == NULL || target == line)
		return err_set(err, ERR_INVALID, "not a request line");
	for (const char *c = line; c < target; c++)
		if (*c < 'A' || *c > 'Z')
			return err_set(err, ERR_INVALID, "bad character in the method");
	target++;
	version = memchr(target, ' ', (size_t)(end - target));
	if (version == NULL)
		return err_set(err, ERR_INVALID, "not a request line");
	if (http1_check_target(target, (size_t)(version - target), err) != 0)
		return err->code;
	version++;
	return check_version(h, version, (size_t)(end - version), err);
}

/* version SP three digits SP reason; some servers leave out an empty reason's space. */
static int check_status_line(struct head *h, const char *line, size_t len, struct err *err)
{
	if (len < 12 || line[8] != ' ' || (len > 12 && line[12] != ' '))
		return err_set(err, ERR_INVALID, "not a status line");
	for (size_t i = 9; i < 12; i++)
		if (!isdigit((unsigned char)line[i]))
			return err_set(err, ERR_INVALID, "the status is not a number");
	if (line[9] < '1' || line[9] > '5')
		return err_set(err, ERR_INVALID, "no such class of status");
	if (http1_check_value(line + 12, len - 12, err) != 0)
		return err->code;
	return check_version(h, line, 8, err);
}

static int check_length(struct head *h, const char *value, size_t len, struct err *err)
{
	uint64_t n = 0;

	if (len == 0 || len > 18)
		return err_set(err, ERR_INVALID, "content-length is not a number");
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)value[i]))
			return err_set(err, ERR_INVALID, "content-length is not a number");
		n = n * 10 + (uint64_t)(value[i] - '0');
	}
	if (h->lengths++ > 0)
		return err_set(err, ERR_INVALID, "more than one content-length");
	return 0;
}

static int check_encoding(struct head *h, const char *value, size_t len, struct err *err)
{
	if (len != 7 || strncasecmp(value, "chunked", 7) != 0)
		return err_set(err, ERR_INVALID, "transfer encoding is not 'chunked'");
	if (h->encodings++ > 0)
		return err_set(err, ERR_INVALID, "more than one transfer-encoding");
	return 0;
}

static int check_host(struct head *h, const char *value, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)value[i]) && strchr("-._~:[]%", value[i]) == NULL)
			return err_set(err, ERR_INVALID, "bad character in the host");
	if (h->hosts++ > 0)
		return err_set(err, ERR_INVALID, "more than one host");
	return 0;
}

/* The headers that say where a message ends or whom it is for. */
static const struct {
	const char *name;
	int (*check)(struct head *h, const char *value, size_t len, struct err *err);
} watched[] = {
	{ "content-length", check_length },
	{ "transfer-encoding", check_encoding },
	{ "host", check_host },
};

static int check_header(struct head *h, const char *line, size_t len, struct err *err)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;
	const char *value;

	if (*line == ' ' || *line == '\t')
		return err_set(err, ERR_INVALID, "a folded header");
	if (colon == NULL)
		return err_set(err, ERR_INVALID, "a header without a colon");
	if (++h->headers > h->limits->headers_max)
		return err_set(err, ERR_LIMIT, "more than %zu headers", h->limits->headers_max);
	value = colon + 1;
	len -= name_len + 1;
	while (len > 0 && (*value == ' ' || *value == '\t'))
		value++, len--;
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	if (http1_check_name(line, name_len, err) != 0 || http1_check_value(value, len, err) != 0)
		return err->code;
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (strlen(watched[i].name) == name_len &&
		    strncasecmp(watched[i].name, line, name_len) == 0)
			return watched[i].check(h, value, len, err);
	return 0;
}

static int check_together(const struct head *h, struct err *err)
{
	if (h->lengths > 0 && h->encodings > 0)
		return err_set(err, ERR_INVALID, "content-length beside transfer-encoding");
	if (h->encodings > 0 && h->minor == 0)
		return err_set(err, ERR_INVALID, "transfer-encoding in HTTP/1.0");
	if (h->kind == HTTP1_REQUEST && h->minor == 1 && h->hosts == 0)
		return err_set(err, ERR_INVALID, "no host header");
	return 0;
}

/* The line at `at`, without its CR LF; NULL and err when it is none. */
static const char *line_end(const struct head *h, const char *at, const char *end, struct err *err)
{
	const char *lf = memchr(at, '\n', (size_t)(end - at));

	if (lf == NULL || lf == at || lf[-1] != '\r') {
		err_set(err, ERR_INVALID, "a line does not end with CR LF");
		return NULL;
	}
	if ((size_t)(lf - at) > h->limits->line_max) {
		err_set(err, ERR_LIMIT, "a line is longer than %zu bytes", h->limits->line_max);
		return NULL;
	}
	return lf - 1;
}

int http1_check_head(enum http1_kind kind, const char *head, size_t len,
                     const struct http1_limits *limits, struct err *err)
{
	struct head h = { .kind = kind, .limits = limits };
	const char *end = head + len;
	const char *stop = line_end(&h, head, end, err);
	int rc;

	if (stop == NULL)
		return err->code;
	rc = kind == HTTP1_REQUEST ? check_request_line(&h, head, (size_t)(stop - head), err)
	                           : check_status_line(&h, head, (size_t)(stop - head), err);
	for (const char *at = stop + 2; rc == 0 && at < end; at = stop + 2) {
		stop = line_end(&h, at, end, err);
		if (stop == NULL)
			return err->code;
		if (stop > at)
			rc = check_header(&h, at, (size_t)(stop - at), err);
		else if (stop + 2 != end)
			rc = err_set(err, ERR_INVALID, "an empty line within the head");
	}
	return rc == 0 ? check_together(&h, err) : rc;
}

/* --- chunks --- */

static int hex_digit(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != 0 ? strchr(digits, tolower(c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* What must come in the states that allow one byte only, and what is next. */
static const struct {
	char byte;
	int next;
} fixed[] = {
	[CHUNK_SIZE_LF] = { '\n', CHUNK_DATA }, [CHUNK_DATA_CR] = { '\r', CHUNK_DATA_LF },
	[CHUNK_DATA_LF] = { '\n', CHUNK_SIZE }, [CHUNK_LAST_CR] = { '\r', CHUNK_LAST_LF },
	[CHUNK_LAST_LF] = { '\n', CHUNK_OVER },
};

static int check_size(struct http1_chunks *c, int byte, struct err *err)
{
	int digit = hex_digit(byte);

	if (c->state == CHUNK_SIZE)
		c->left = 0;
	if (digit < 0 && c->state == CHUNK_DIGITS && byte == '\r') {
		c->state = CHUNK_SIZE_LF;
		return 0;
	}
	if (digit < 0 || c->left >> 48 != 0)
		return err_set(err, ERR_INVALID, "bad chunk size");
	c->left = c->left << 4 | (uint64_t)digit;
	c->state = CHUNK_DIGITS;
	return 0;
}

static int check_fixed(struct http1_chunks *c, int byte, struct err *err)
{
	if (byte != fixed[c->state].byte)
		return err_set(err, ERR_INVALID, "bad chunk framing");
	c->state = c->state == CHUNK_SIZE_LF && c->left == 0 ? CHUNK_LAST_CR : fixed[c->state].next;
	return 0;
}

int http1_check_chunks(struct http1_chunks *c, const uint8_t *data, size_t len, struct err *err)
{
	size_t skip;

	for (size_t i = 0; i < len && c->state != CHUNK_OVER; i++) {
		switch (c->state) {
		case CHUNK_SIZE:
		case CHUNK_DIGITS:
			if (check_size(c, data[i], err) != 0)
				return err->code;
			break;
		case CHUNK_DATA:
			skip = c->left < len - i ? (size_t)c->left : len - i;
			c->left -= skip;
			i += skip - 1;
			if (c->left == 0)
				c->state = CHUNK_DATA_CR;
			break;
		default:
			if (check_fixed(c, data[i], err) != 0)
				return err->code;
		}
	}
	return 0;
}

#include "wire/http1.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/http1_check.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http1 {
	enum http1_kind kind;
	enum http1_state state;
	struct http1_limits limits;
	struct http_parser parser;
	struct buf head; /* raw bytes, cut into strings once complete */
	struct buf body;
	struct http1_chunks chunks;
	struct http1_header *headers;
	struct http1_message message;
	bool no_body; /* answers HEAD */
	void (*on_body)(void *ctx, const void *data, size_t len);
	void *ctx;
	struct err failure; /* sticky */
};

static void start_message(struct http1 *h)
{
	http_parser_init(&h->parser, h->kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
	h->parser.data = h;
	h->state = HTTP1_HEAD;
	buf_wipe(&h->head); /* passwords and tokens travel in both */
	buf_wipe(&h->body);
	memset(&h->chunks, 0, sizeof(h->chunks));
	memset(&h->message, 0, sizeof(h->message));
	h->message.headers = h->headers;
}

static void set_default(size_t *limit, size_t value)
{
	if (*limit == 0)
		*limit = value;
}

struct http1 *http1_new(enum http1_kind kind, const struct http1_limits *limits)
{
	struct http1 *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	if (limits != NULL)
		h->limits = *limits;
	set_default(&h->limits.line_max, 8u * 1024);
	set_default(&h->limits.head_max, 32u * 1024);
	set_default(&h->limits.headers_max, 64);
	set_default(&h->limits.body_max, 4u * 1024 * 1024);
	h->headers = calloc(h->limits.headers_max, sizeof(*h->headers));
	if (h->headers == NULL) {
		free(h);
		return NULL;
	}
	h->kind = kind;
	buf_init(&h->head, h->limits.head_max);
	buf_init(&h->body, h->limits.body_max);
	start_message(h);
	return h;
}

void http1_free(struct http1 *h)
{
	if (h == NULL)
		return;
	buf_wipe(&h->head);
	buf_wipe(&h->body);
	free(h->headers);
	free(h);
}

void http1_stream_body(struct http1 *h, void (*on_body)(void *ctx, const void *data, size_t len),
                       void *ctx)
{
	h->on_body = on_body;
	h->ctx = ctx;
}

/* --- http-parser's callbacks --- */

static int on_headers_complete(http_parser *p)
{
	const struct http1 *h = p->data;

	return h->no_body ? 1 : 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct http1 *h = p->data;

	if (h->on_body != NULL)
		h->on_body(h->ctx, at, len);
	else
		buf_append(&h->body, at, len);
	return h->body.failed != 0;
}

static int on_message_complete(http_parser *p)
{
	struct http1 *h = p->data;

	h->state = HTTP1_DONE;
	h->message.body = h->body.data;
	h->message.body_len = h->body.len;
	h->message.keep_alive = http_should_keep_alive(p) != 0;
	http_parser_pause(p, 1); /* the next message's bytes stay with the caller */
	return 0;
}

static const http_parser_settings settings = {
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* Runs http-parser over checked bytes. */
static int parse(struct http1 *h, const void *data, size_t len, size_t *out_used, struct err *err)
{
	enum http_errno code;

	*out_used = http_parser_execute(&h->parser, &settings, data, len);
	if (h->body.failed == ERR_LIMIT)
		return err_set(err, ERR_LIMIT, "the body is longer than %zu bytes",
		               h->limits.body_max);
	if (h->body.failed != 0)
		return buf_check(&h->body, err);
	code = HTTP_PARSER_ERRNO(&h->parser);
	if (code != HPE_OK && code != HPE_PAUSED)
		return err_set(err, ERR_INVALID, "%s", http_errno_description(code));
	return 0;
}

/* --- the head --- */

/* Ends the string at `at` up to the first `stop`, and returns what comes behind it. */
static char *cut(char *at, const char *stop)
{
	at += strcspn(at, stop);
	*at = 0;
	return at + 1;
}

static void cut_header(struct http1_header *header, char *line)
{
	char *value = cut(line, ":");
	char *end;

	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	header->name = line;
	header->value = value;
}

/* Makes strings of the head, which was checked: each line ends with CR LF. */
static void cut_head(struct http1 *h)
{
	struct http1_message *m = &h->message;
	char *line = (char *)h->head.data;
	char *next = cut(line, "\r") + 1;

	m->minor = h->parser.http_minor;
	m->upgrade = h->parser.upgrade;
	if (h->kind == HTTP1_REQUEST) {
		char *target = cut(line, " ");

		cut(target, " ");
		m->method = line;
		m->target = target;
	} else {
		m->status = h->parser.status_code;
	}
	while (*next != '\r') {
		line = next;
		next = cut(line, "\r") + 1;
		cut_header(&h->headers[m->header_count++], line);
	}
}

static bool ends_head(const struct buf *head)
{
	return str_ends(buf_str(head), "\r\n\r\n");
}

/* Takes one line of the head, or the part of it that has come. */
static int take_line(struct http1 *h, const uint8_t *data, size_t len, size_t *out_used,
                     struct err *err)
{
	const uint8_t *lf = memchr(data, '\n', len);

	*out_used = lf != NULL ? (size_t)(lf - data) + 1 : len;
	buf_append(&h->head, data, *out_used);
	if (h->head.failed == ERR_LIMIT)
		return err_set(err, ERR_LIMIT, "the headers are longer than %zu bytes",
		               h->limits.head_max);
	if (buf_check(&h->head, err) != 0)
		return err->code;
	if (lf != NULL && !str_ends(buf_str(&h->head), "\r\n"))
		return err_set(err, ERR_INVALID, "a line does not end with CR LF");
	return 0;
}

static int finish_head(struct http1 *h, struct err *err)
{
	size_t used;

	if (http1_check_head(h->kind, (char *)h->head.data, h->head.len, &h->limits, err) != 0)
		return err->code;
	h->state = HTTP1_BODY;
	if (parse(h, h->head.data, h->head.len, &used, err) != 0)
		return err->code;
	cut_head(h);
	if (h->parser.flags & F_CONTENTLENGTH && h->on_body == NULL && h->state == HTTP1_BODY &&
	    h->parser.content_length > h->limits.body_max)
		return err_set(err, ERR_LIMIT, "the body is longer than %zu bytes",
		               h->limits.body_max);
	return 0;
}

/* 1xx answers come before the real one; only 101 is one itself. */
static bool is_interim(const struct http1 *h)
{
	return h->kind == HTTP1_RESPONSE && h->message.status < 200 && h->message.status != 101;
}

static int feed_head(struct http1 *h, const uint8_t *data, size_t len, size_t *out_used,
                     struct err *err)
{
	if (take_line(h, data, len, out_used, err) != 0)
		return err->code;
	if (!ends_head(&h->head))
		return 0;
	if (finish_head(h, err) != 0)
		return err->code;
	if (h->state == HTTP1_DONE && is_interim(h))
		start_message(h);
	return 0;
}

static int feed_body(struct http1 *h, const uint8_t *data, size_t len, size_t *out_used,
                     struct err *err)
{
	if (h->parser.flags & F_CHUNKED && http1_check_chunks(&h->chunks, data, len, err) != 0)
		return err->code;
	return parse(h, data, len, out_used, err);
}

int http1_feed(struct http1 *h, const void *data, size_t len, size_t *out_used, struct err *err)
{
	const uint8_t *at = data;
	int rc = h->failure.code != 0 ? err_copy(err, &h->failure) : 0;
	size_t done = 0;
	size_t used;

	while (rc == 0 && done < len && h->state != HTTP1_DONE) {
		rc = h->state == HTTP1_HEAD ? feed_head(h, at + done, len - done, &used, err)
		                            : feed_body(h, at + done, len - done, &used, err);
		if (rc == 0)
			done += used;
	}
	if (rc != 0 && h->failure.code == 0)
		err_copy(&h->failure, err);
	*out_used = done;
	return rc;
}

int http1_eof(struct http1 *h, struct err *err)
{
	if (h->failure.code != 0)
		return err_copy(err, &h->failure);
	if (h->state == HTTP1_BODY)
		http_parser_execute(&h->parser, &settings, NULL, 0);
	if (h->state == HTTP1_DONE || http1_idle(h))
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "the connection ended within a message");
}

enum http1_state http1_state(const struct http1 *h)
{
	return h->state;
}

bool http1_idle(const struct http1 *h)
{
	return h->state == HTTP1_HEAD && h->head.len == 0;
}

const struct http1_message *http1_message(const struct http1 *h)
{
	return &h->message;
}

void http1_next(struct http1 *h)
{
	h->no_body = false;
	start_message(h);
}

void http1_expect_no_body(struct http1 *h)
{
	h->no_body = true;
}

const char *http1_header(const struct http1_message *m, const char *name)
{
	for (size_t i = 0; i < m->header_count; i++)
		if (strcasecmp(m->headers[i].name, name) == 0)
			return m->headers[i].value;
	return NULL;
}

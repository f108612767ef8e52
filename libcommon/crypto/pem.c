#include "crypto/pem.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/base64.h"

#include <stdio.h>
#include <string.h>

#define BEGIN     "-----BEGIN "
#define END       "-----END "
#define DASHES    "-----"
#define LINE_SIZE 64

static const char *find(const char *text, size_t len, const char *what)
{
	return memmem(text, len, what, strlen(what));
}

void pem_append(struct buf *out, const char *label, const void *der, size_t len)
{
	struct buf text = { 0 };

	base64_append(&text, der, len);
	buf_appendf(out, BEGIN "%s" DASHES "\n", label);
	for (size_t at = 0; at < text.len; at += LINE_SIZE) {
		buf_append(out, text.data + at,
		           text.len - at < LINE_SIZE ? text.len - at : LINE_SIZE);
		buf_append_byte(out, '\n');
	}
	buf_appendf(out, END "%s" DASHES "\n", label);
	if (text.failed != 0)
		out->failed = text.failed;
	buf_wipe(&text);
}

bool pem_is(const void *text, size_t len)
{
	return find(text, len, BEGIN) != NULL;
}

/* The base64 between the lines, without its line ends. */
static int decode_body(const char *body, size_t len, struct buf *der, struct err *err)
{
	struct buf text = { 0 };
	int rc;

	for (size_t i = 0; i < len; i++) {
		if (body[i] != '\n' && body[i] != '\r')
			buf_append_byte(&text, (uint8_t)body[i]);
	}
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = base64_decode(buf_str(&text), text.len, der, err);
	buf_wipe(&text);
	return rc;
}

int pem_next(const char *text, size_t len, char out_label[PEM_LABEL_SIZE], struct buf *der,
             size_t *used, struct err *err)
{
	const char *limit = text + len;
	const char *begin = find(text, len, BEGIN);
	const char *label, *label_end, *body, *end;
	char closing[sizeof(END) + PEM_LABEL_SIZE + sizeof(DASHES)];
	size_t label_len;
	int rc;

	if (begin == NULL)
		return err_set(err, ERR_NOT_FOUND, "no PEM block");
	label = begin + strlen(BEGIN);
	label_end = find(label, (size_t)(limit - label), DASHES);
	if (label_end == NULL || label_end - label >= PEM_LABEL_SIZE ||
	    memchr(label, '\n', (size_t)(label_end - label)) != NULL)
		return err_set(err, ERR_INVALID, "a PEM block with a broken first line");
	label_len = (size_t)(label_end - label);
	body = label_end + strlen(DASHES);
	snprintf(closing, sizeof(closing), END "%.*s" DASHES, (int)label_len, label);
	end = find(body, (size_t)(limit - body), closing);
	if (end == NULL)
		return err_set(err, ERR_INVALID, "a PEM block '%.*s' without an end",
		               (int)label_len, label);
	rc = decode_body(body, (size_t)(end - body), der, err);
	if (rc != 0)
		return err_wrap(err, "PEM block '%.*s'", (int)label_len, label);
	memcpy(out_label, label, label_len);
	out_label[label_len] = 0;
	*used = (size_t)(end - text) + strlen(closing);
	return 0;
}

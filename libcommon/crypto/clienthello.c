#include "crypto/clienthello.h"

#include "base/err.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define RECORD_HEAD      5
#define RECORD_HANDSHAKE 22
#define CLIENT_HELLO     1
#define EXT_SERVER_NAME  0
#define EXT_ALPN         16

/* What is left to read; running past its end is sticky, with zeroes. */
struct part {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static const uint8_t *take(struct part *p, size_t len)
{
	const uint8_t *at = p->at;

	if (p->bad || len > p->left) {
		p->bad = true;
		return NULL;
	}
	p->at += len;
	p->left -= len;
	return at;
}

static size_t number(struct part *p, size_t len)
{
	const uint8_t *at = take(p, len);
	size_t v = 0;

	for (size_t i = 0; at != NULL && i < len; i++)
		v = v << 8 | at[i];
	return v;
}

/* A part of its own, with its length in front in `len_size` bytes. */
static struct part vector(struct part *p, size_t len_size)
{
	size_t len = number(p, len_size);
	const uint8_t *at = take(p, len);

	return (struct part){ .at = at, .left = at != NULL ? len : 0, .bad = at == NULL };
}

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "TLS client hello: %s", why);
}

/* RFC 6066, 3: a list with one name of type 0. */
static int read_server_name(struct part p, struct clienthello *out, struct err *err)
{
	struct part list = vector(&p, 2);
	size_t type = number(&list, 1);
	struct part name = vector(&list, 2);

	if (name.bad || type != 0 || name.left == 0 || name.left > CLIENTHELLO_NAME_MAX ||
	    memchr(name.at, 0, name.left) != NULL)
		return refuse(err, "bad server name");
	for (size_t i = 0; i < name.left; i++)
		out->server_name[i] = (char)tolower(name.at[i]);
	out->server_name[name.left] = 0;
	return 0;
}

/* RFC 7301, 3.1 */
static int read_alpn(struct part p, struct clienthello *out, struct err *err)
{
	struct part list = vector(&p, 2);

	while (!list.bad && list.left > 0) {
		struct part name = vector(&list, 1);

		if (name.bad || name.left == 0)
			return refuse(err, "bad ALPN");
		if (name.left >= sizeof(out->alpn[0]) || out->alpn_count == CLIENTHELLO_ALPN_MAX ||
		    memchr(name.at, 0, name.left) != NULL)
			continue;
		memcpy(out->alpn[out->alpn_count], name.at, name.left);
		out->alpn[out->alpn_count++][name.left] = 0;
	}
	return list.bad ? refuse(err, "bad ALPN") : 0;
}

static int read_extensions(struct part p, struct clienthello *out, struct err *err)
{
	bool seen_name = false, seen_alpn = false;

	while (p.left > 0) {
		size_t type = number(&p, 2);
		struct part body = vector(&p, 2);
		int rc = 0;

		if (p.bad || body.bad)
			return refuse(err, "bad extensions");
		if ((type == EXT_SERVER_NAME && seen_name) || (type == EXT_ALPN && seen_alpn))
			return refuse(err, "an extension twice");
		if (type == EXT_SERVER_NAME) {
			seen_name = true;
			rc = read_server_name(body, out, err);
		} else if (type == EXT_ALPN) {
			seen_alpn = true;
			rc = read_alpn(body, out, err);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* RFC 5246, 7.4.1.2 */
static int read_hello(struct part p, struct clienthello *out, struct err *err)
{
	struct part hello, extensions;

	if (number(&p, 1) != CLIENT_HELLO)
		return refuse(err, "it is another message");
	hello = vector(&p, 3);
	if (hello.bad)
		return refuse(err, "spread over records");
	take(&hello, 2 + 32); /* version, random */
	vector(&hello, 1);    /* session id */
	vector(&hello, 2);    /* cipher suites */
	vector(&hello, 1);    /* compression methods */
	if (hello.bad)
		return refuse(err, "cut");
	if (hello.left == 0)
		return 0;
	extensions = vector(&hello, 2);
	if (extensions.bad || hello.left > 0)
		return refuse(err, "bad extensions");
	return read_extensions(extensions, out, err);
}

int clienthello_parse(const uint8_t *data, size_t len, struct clienthello *out, struct err *err)
{
	struct clienthello hello = { 0 };
	struct part p = { .at = data, .left = len };
	size_t record_len;
	int rc;

	if ((len > 0 && data[0] != RECORD_HANDSHAKE) || (len > 1 && data[1] != 3))
		return refuse(err, "not TLS");
	if (len < RECORD_HEAD)
		return err_set(err, ERR_UNAVAILABLE, "TLS client hello: more bytes needed");
	take(&p, 3);
	record_len = number(&p, 2);
	if (record_len == 0 || record_len > CLIENTHELLO_MAX - RECORD_HEAD)
		return refuse(err, "bad record length");
	if (p.left < record_len)
		return err_set(err, ERR_UNAVAILABLE, "TLS client hello: more bytes needed");
	p.left = record_len;
	rc = read_hello(p, &hello, err);
	if (rc == 0)
		*out = hello;
	return rc;
}

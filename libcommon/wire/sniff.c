#include "wire/sniff.h"

#include "base/span.h"

#include <ctype.h>
#include <string.h>

#define RECORD_HEADER    5
#define RECORD_MAX       16384
#define TYPE_HANDSHAKE   22
#define TYPE_CLIENTHELLO 1
#define EXT_SERVER_NAME  0
#define EXT_ALPN         16

/* Only what a host name is made of; a NUL or slash must not reach a routing table. */
static bool copy_host_name(char dst[SNIFF_NAME_SIZE], const struct span *name)
{
	if (name->left == 0 || name->left >= SNIFF_NAME_SIZE)
		return false;
	for (size_t i = 0; i < name->left; i++) {
		int c = name->at[i];

		if (!isalnum(c) && c != '-' && c != '.' && c != '_')
			return false;
		dst[i] = (char)tolower(c);
	}
	dst[name->left] = 0;
	return true;
}

/* RFC 6066 3: a list of (type, name) with at most one name of type host_name (0). */
static bool read_server_name(struct sniff *out, struct span ext)
{
	struct span list = span_vector(&ext, 2);

	while (!list.failed && list.left > 0) {
		size_t type = span_number(&list, 1);
		struct span name = span_vector(&list, 2);

		if (name.failed || type != 0 || *out->server_name != 0)
			return false;
		if (!copy_host_name(out->server_name, &name))
			return false;
	}
	return !list.failed && ext.left == 0;
}

static bool read_alpn(struct sniff *out, struct span ext)
{
	struct span list = span_vector(&ext, 2);

	while (!list.failed && list.left > 0) {
		struct span name = span_vector(&list, 1);

		if (name.failed || name.left == 0)
			return false;
		if (name.left >= SNIFF_ALPN_SIZE || out->alpn_count == SNIFF_ALPN_MAX ||
		    memchr(name.at, 0, name.left) != NULL)
			continue;
		memcpy(out->alpn[out->alpn_count++], name.at, name.left);
	}
	return !list.failed && ext.left == 0;
}

static bool read_extensions(struct sniff *out, struct span all)
{
	bool seen_name = false;
	bool seen_alpn = false;

	while (all.left > 0) {
		size_t type = span_number(&all, 2);
		struct span ext = span_vector(&all, 2);
		bool *seen = type == EXT_SERVER_NAME ? &seen_name
		             : type == EXT_ALPN      ? &seen_alpn
		                                     : NULL;

		if (ext.failed || (seen != NULL && *seen))
			return false;
		if (type == EXT_SERVER_NAME && !read_server_name(out, ext))
			return false;
		if (type == EXT_ALPN && !read_alpn(out, ext))
			return false;
		if (seen != NULL)
			*seen = true;
	}
	return true;
}

/* RFC 5246 7.4.1.2: version, random, session id, cipher suites, compressions, extensions. */
static bool read_hello(struct sniff *out, struct span hello)
{
	struct span extensions;

	if (span_number(&hello, 2) >> 8 != 3)
		return false;
	span_skip(&hello, 32);
	span_vector(&hello, 1);
	span_vector(&hello, 2);
	span_vector(&hello, 1);
	if (hello.failed)
		return false;
	if (hello.left == 0)
		return true;
	extensions = span_vector(&hello, 2);
	return !extensions.failed && hello.left == 0 && read_extensions(out, extensions);
}

/*
 * Joins the handshake bytes of the records that are there and returns their number; stops at
 * an incomplete record, or (`*out_broken`) at what is no handshake record.
 */
static size_t join_records(struct span all, uint8_t joined[SNIFF_MAX], bool *out_broken)
{
	size_t have = 0;

	while (all.left >= RECORD_HEADER && have < SNIFF_MAX) {
		size_t type = span_number(&all, 1);
		size_t version = span_number(&all, 2);
		size_t size = span_number(&all, 2);

		if (type != TYPE_HANDSHAKE || version >> 8 != 3 || size == 0 || size > RECORD_MAX) {
			*out_broken = true;
			break;
		}
		if (size > all.left)
			size = all.left;
		if (size > SNIFF_MAX - have)
			size = SNIFF_MAX - have;
		memcpy(joined + have, span_skip(&all, size), size);
		have += size;
	}
	return have;
}

static enum sniff_kind sniff_tls(struct sniff *out, const uint8_t *data, size_t len)
{
	uint8_t joined[SNIFF_MAX];
	bool broken = false;
	struct span hello = span_of(joined, join_records(span_of(data, len), joined, &broken));
	size_t type = span_number(&hello, 1);
	size_t want = span_number(&hello, 3);

	if (hello.failed)
		return broken ? SNIFF_UNKNOWN : SNIFF_MORE;
	if (type != TYPE_CLIENTHELLO || want > SNIFF_MAX - 4)
		return SNIFF_UNKNOWN;
	if (hello.left < want)
		return broken ? SNIFF_UNKNOWN : SNIFF_MORE;
	hello.left = want;
	return read_hello(out, hello) ? SNIFF_TLS : SNIFF_UNKNOWN;
}

/* GET, POST …: upper-case letters, at most MAX_METHOD of them, then a space. */
static enum sniff_kind sniff_method(const uint8_t *data, size_t len)
{
	enum { MAX_METHOD = 16 };
	size_t n = 0;

	while (n < len && n < MAX_METHOD && data[n] >= 'A' && data[n] <= 'Z')
		n++;
	if (n == len && n < MAX_METHOD)
		return SNIFF_MORE;
	return n > 0 && n < len && data[n] == ' ' ? SNIFF_HTTP1 : SNIFF_UNKNOWN;
}

static const struct {
	const char *text;
	enum sniff_kind kind;
} magics[] = {
	{ "SSH-", SNIFF_SSH },
	{ "POSTERN1", SNIFF_PREFACE },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SNIFF_HTTP2 },
};

/* SNIFF_UNKNOWN when none fits, SNIFF_MORE when one may yet. */
static enum sniff_kind sniff_magic(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		size_t size = strlen(magics[i].text);

		if (memcmp(data, magics[i].text, len < size ? len : size) == 0)
			return len < size ? SNIFF_MORE : magics[i].kind;
	}
	return SNIFF_UNKNOWN;
}

static void forget_names(struct sniff *out)
{
	*out->server_name = 0;
	out->alpn_count = 0;
}

enum sniff_kind sniff(struct sniff *out, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	memset(out, 0, sizeof(*out));
	if (len == 0)
		return out->kind = SNIFF_MORE;
	out->kind =
	        bytes[0] == TYPE_HANDSHAKE ? sniff_tls(out, bytes, len) : sniff_magic(bytes, len);
	if (out->kind == SNIFF_UNKNOWN && bytes[0] != TYPE_HANDSHAKE)
		out->kind = sniff_method(bytes, len);
	if (out->kind != SNIFF_TLS)
		forget_names(out);
	if (out->kind == SNIFF_MORE && len >= SNIFF_MAX)
		out->kind = SNIFF_UNKNOWN;
	return out->kind;
}

bool sniff_offers(const struct sniff *s, const char *alpn)
{
	for (size_t i = 0; i < s->alpn_count; i++)
		if (strcmp(s->alpn[i], alpn) == 0)
			return true;
	return false;
}

#include "wire/http_proxy.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crypto/base64.h"
#include "wire/http1.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANSWER_LINE_MAX (4 * 1024)
#define ANSWER_HEAD_MAX (16 * 1024)
#define SCHEME          "http://"

struct http_proxy {
	char *addr;
	struct buf authorization; /* "Basic ..."; empty: none */
	char *except;             /* no_proxy; NULL: nothing */
};

/* --- what the settings say -------------------------------------------------------------------- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != 0 ? strchr(digits, c | 0x20) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* The byte of "%XX", -1: it is none. */
static int escaped(const char *at, size_t len)
{
	int high = len >= 3 ? hex_digit(at[1]) : -1;
	int low = len >= 3 ? hex_digit(at[2]) : -1;

	return high >= 0 && low >= 0 ? high << 4 | low : -1;
}

/* Basic (RFC 7617) takes no control characters. */
static bool decode(const char *text, size_t len, struct buf *out)
{
	size_t i = 0;

	while (i < len) {
		bool plain = text[i] != '%';
		int c = plain ? (unsigned char)text[i] : escaped(text + i, len - i);

		if (c < 0x20 || c == 0x7f)
			return false;
		buf_append_byte(out, (uint8_t)c);
		i += plain ? 1 : 3;
	}
	return true;
}

/* "user:password"; a colon within the user's name could not be told from the one behind it. */
static int read_user(struct http_proxy *p, const char *text, size_t len, struct err *err)
{
	const char *colon = memchr(text, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - text) : 0;
	struct buf plain = { 0 };
	int rc = 0;

	if (colon == NULL || !decode(text, name_len, &plain) ||
	    strchr(buf_str(&plain), ':') != NULL || !decode(colon, len - name_len, &plain))
		rc = err_set(err, ERR_INVALID, "before its '@' there is no user:password");
	buf_append_str(&p->authorization, "Basic ");
	base64_append(&p->authorization, plain.data, plain.len);
	if (rc == 0)
		rc = buf_check(&plain, err);
	if (rc == 0)
		rc = buf_check(&p->authorization, err);
	buf_wipe(&plain);
	return rc;
}

static int no_url(struct err *err)
{
	return err_set(err, ERR_INVALID, "it is not http://[user:password@]host:port");
}

static int check_addr(const char *text, struct err *err)
{
	struct conf_addr addr;
	struct err ignored;
	bool good = conf_addr_parse(text, NULL, &addr, &ignored) == 0;

	if (good) {
		good = !str_empty(addr.host) && !str_eq(addr.port, "0");
		conf_addr_deinit(&addr);
	}
	return good ? 0 : no_url(err);
}

static int read_url(struct http_proxy *p, const char *url, struct err *err)
{
	const char *rest =
	        strncasecmp(url, SCHEME, strlen(SCHEME)) == 0 ? url + strlen(SCHEME) : url;
	size_t len = strlen(rest);
	const char *at;

	if (len > 0 && rest[len - 1] == '/')
		len--;
	if (memchr(rest, '/', len) != NULL) /* another scheme, or a path */
		return no_url(err);
	at = memrchr(rest, '@', len);
	if (at != NULL && read_user(p, rest, (size_t)(at - rest), err) != 0)
		return err->code;
	if (at != NULL)
		len -= (size_t)(at + 1 - rest);
	p->addr = strndup(at != NULL ? at + 1 : rest, len);
	return p->addr != NULL ? check_addr(p->addr, err) : err_set_nomem(err);
}

/* Of a variable that has a small and a large name, the small one counts first. */
static const char *either(char *(*env)(const char *name), const char *small, const char *large)
{
	const char *value = env(small);

	return str_empty(value) ? env(large) : value;
}

static int fill(struct http_proxy *p, const char *url, const char *except, struct err *err)
{
	if (except != NULL && (p->except = strdup(except)) == NULL)
		return err_set_nomem(err);
	return read_url(p, url, err);
}

int http_proxy_new(const char *setting, char *(*env)(const char *name), struct http_proxy **out,
                   struct err *err)
{
	const char *url = setting != NULL ? setting : either(env, "https_proxy", "HTTPS_PROXY");
	const char *except = setting != NULL ? NULL : either(env, "no_proxy", "NO_PROXY");
	struct http_proxy *p;

	*out = NULL;
	if (str_empty(url))
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return err_set_nomem(err);
	if (fill(p, url, except, err) != 0) {
		http_proxy_free(p);
		return err_wrap(err, "%s", setting != NULL ? "http_proxy" : "https_proxy");
	}
	*out = p;
	return 0;
}

void http_proxy_free(struct http_proxy *p)
{
	if (p == NULL)
		return;
	buf_wipe(&p->authorization);
	free(p->addr);
	free(p->except);
	free(p);
}

/* --- which targets ---------------------------------------------------------------------------- */

struct address {
	int family; /* 0: it is a name */
	uint8_t bytes[16];
};

static struct address address_of(const char *text)
{
	struct address a = { 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.family = AF_INET6;
	return a;
}

/* Is it that name, or below it? */
static bool name_within(const char *host, const char *name)
{
	size_t len = strlen(host);
	size_t name_len = strlen(name);

	if (name_len == 0 || name_len > len || strcasecmp(host + len - name_len, name) != 0)
		return false;
	return name_len == len || host[len - name_len - 1] == '.';
}

static bool entry_means(char *entry, const char *host)
{
	struct address theirs = address_of(host);
	struct address ours;

	if (str_eq(entry, "*"))
		return true;
	if (*entry == '[') {
		entry++;
		entry[strcspn(entry, "]")] = 0;
	}
	if (theirs.family == 0)
		return name_within(host, *entry == '.' ? entry + 1 : entry);
	ours = address_of(entry);
	return memcmp(&ours, &theirs, sizeof(ours)) == 0;
}

static bool excepted(const char *list, const char *host)
{
	char *entries = strdup(list);
	char *next = entries;
	bool found = false;

	while (next != NULL && !found)
		found = entry_means(strsep(&next, ", \t"), host);
	free(entries);
	return found;
}

bool http_proxy_covers(const struct http_proxy *p, const char *target)
{
	struct conf_addr addr;
	struct err ignored;
	bool covered;

	if (p == NULL || str_starts(target, "unix:"))
		return false;
	if (p->except == NULL || conf_addr_parse(target, NULL, &addr, &ignored) != 0)
		return true;
	covered = !excepted(p->except, addr.host);
	conf_addr_deinit(&addr);
	return covered;
}

const char *http_proxy_addr(const struct http_proxy *p)
{
	return p->addr;
}

/* --- what is said ----------------------------------------------------------------------------- */

int http_proxy_ask(const struct http_proxy *p, const char *target, struct buf *out, struct err *err)
{
	struct conf_addr addr;

	/* What is an address has no character that could end the line. */
	if (conf_addr_parse(target, NULL, &addr, err) != 0)
		return err->code;
	conf_addr_deinit(&addr);
	buf_appendf(out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
	if (p->authorization.len > 0)
		buf_appendf(out, "Proxy-Authorization: %s\r\n", buf_str(&p->authorization));
	buf_append_str(out, "\r\n");
	return buf_check(out, err);
}

struct http1 *http_proxy_answer_new(void)
{
	static const struct http1_limits limits = { .line_max = ANSWER_LINE_MAX,
		                                    .head_max = ANSWER_HEAD_MAX };
	struct http1 *h = http1_new(HTTP1_RESPONSE, &limits);

	if (h != NULL)
		http1_expect_no_body(h);
	return h;
}

/* Whatever the code says, nothing was heard of the target: to try again is all that one can do. */
static int check_status(int status, struct err *err)
{
	if (status >= 200 && status < 300)
		return 0;
	if (status == 407)
		return err_set(err, ERR_UNAVAILABLE,
		               "it does not accept our user and password, or none (status 407)");
	return err_set(err, ERR_UNAVAILABLE, "it refuses (status %d)", status);
}

int http_proxy_answer(struct http1 *answer, const void *data, size_t len, size_t *out_used,
                      bool *out_through, struct err *err)
{
	*out_through = false;
	if (http1_feed(answer, data, len, out_used, err) != 0)
		return err_wrap(err, "read its answer");
	if (http1_state(answer) != HTTP1_DONE)
		return 0;
	if (check_status(http1_message(answer)->status, err) != 0)
		return err->code;
	*out_through = true;
	return 0;
}

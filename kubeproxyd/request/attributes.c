#include "kubeproxyd/request/attributes.h"

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEGMENTS_MAX 64

/* --- escapes --------------------------------------------------------------------------------- */

static int hex(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* The character at *at, which moves behind it; -1: a broken escape. */
static int next_char(const char **at, bool plus_is_blank)
{
	const char *p = *at;
	int high, low;

	*at = p + 1;
	if (*p == '+' && plus_is_blank)
		return ' ';
	if (*p != '%')
		return (unsigned char)*p;
	high = hex(p[1]);
	low = high >= 0 ? hex(p[2]) : -1;
	if (low < 0)
		return -1;
	*at = p + 3;
	return high << 4 | low;
}

/* --- the query ------------------------------------------------------------------------------- */

/* Decodes up to one of `stops` or the end; returns where that is. NULL: broken, or too long. */
static const char *decode_word(const char *at, const char *stops, char *out, size_t size)
{
	size_t len = 0;

	while (*at != 0 && strchr(stops, *at) == NULL) {
		int c = next_char(&at, true);

		if (c <= 0 || len + 1 >= size)
			return NULL;
		out[len++] = (char)c;
	}
	out[len] = 0;
	return at;
}

bool attributes_query_next(const char **at, const char *name, char *out, unsigned size)
{
	while (*at != NULL) {
		char key[ATTRIBUTE_SIZE];
		const char *end = decode_word(*at + 1, "=&", key, sizeof(key));

		*at = strchr(*at + 1, '&');
		if (end != NULL && strcmp(key, name) == 0)
			return decode_word(*end == '=' ? end + 1 : end, "&", out, size) != NULL;
	}
	return false;
}

bool attributes_query(const char *target, const char *name, char *out, unsigned size)
{
	const char *at = strchr(target, '?');

	return attributes_query_next(&at, name, out, size);
}

/* As the API server reads a bool: a word without a value is one, too. */
static bool query_is_set(const char *target, const char *name)
{
	char value[ATTRIBUTE_SIZE];

	return attributes_query(target, name, value, sizeof(value)) &&
	       strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

/* Every escape must hold: what one reader drops another might not. */
static int check_query(const char *target, struct err *err)
{
	const char *at = strchr(target, '?');

	while (at != NULL && *at != 0) {
		if (*at == ';')
			return err_set(err, ERR_INVALID, "a ';' in the query");
		if (next_char(&at, true) < 0)
			return err_set(err, ERR_INVALID, "a broken escape in the query");
	}
	return 0;
}

/* --- the path -------------------------------------------------------------------------------- */

/* The path cut at its slashes; each piece decoded, in a text of their own. */
struct segments {
	char text[ATTRIBUTE_PATH_MAX + SEGMENTS_MAX];
	struct segment {
		const char *text;
		bool odd; /* empty, or with what an escape hides from other readers */
	} items[SEGMENTS_MAX];
	size_t count;
};

/* Decodes up to the next slash, the query or the end; returns where that is. NULL and err. */
static const char *decode_segment(struct segment *s, const char *at, char *to, size_t *out_len,
                                  struct err *err)
{
	char *end = to;

	s->text = to;
	s->odd = false;
	while (*at != 0 && *at != '?' && *at != '/') {
		bool escaped = *at == '%';
		int c = next_char(&at, false);

		if (c < 0x20 || c == 0x7f) {
			err_set(err, ERR_INVALID,
			        "the path has a control character or a broken escape");
			return NULL;
		}
		s->odd = s->odd || (escaped && strchr("/\\%", c) != NULL);
		*end++ = (char)c;
	}
	*end = 0;
	*out_len = (size_t)(end - to);
	s->odd = s->odd || end == to;
	return at;
}

static int cut_path(struct segments *s, const char *target, struct err *err)
{
	const char *at = target;
	char *to = s->text;
	size_t len;

	s->count = 0;
	if (*at != '/')
		return err_set(err, ERR_INVALID, "the target is not a path");
	if (strcspn(target, "?") >= ATTRIBUTE_PATH_MAX)
		return err_set(err, ERR_LIMIT, "the path is longer than %d bytes",
		               ATTRIBUTE_PATH_MAX - 1);
	while (*at == '/') {
		struct segment *one = &s->items[s->count];

		if (s->count == SEGMENTS_MAX)
			return err_set(err, ERR_LIMIT, "the path has more than %d segments",
			               SEGMENTS_MAX);
		at = decode_segment(one, at + 1, to, &len, err);
		if (at == NULL)
			return err->code;
		if (strcmp(one->text, ".") == 0 || strcmp(one->text, "..") == 0)
			return err_set(err, ERR_INVALID, "a dot segment in the path");
		to += len + 1;
		s->count++;
	}
	if (s->items[s->count - 1].text[0] == 0) /* a slash at the end, or no more than that */
		s->count--;
	return 0;
}

/* Behind `from` only a proxied program reads. */
static int check_odd(const struct segments *s, size_t from, struct err *err)
{
	for (size_t i = 0; i < s->count && i < from; i++)
		if (s->items[i].odd)
			return err_set(err, ERR_INVALID,
			               "an empty segment or an escaped slash in the path");
	return 0;
}

static void join_path(struct attributes *a, const struct segments *s)
{
	char *to = a->path;

	*to = '/';
	to[1] = 0;
	for (size_t i = 0; i < s->count; i++) {
		*to++ = '/';
		to = stpcpy(to, s->items[i].text);
	}
}

/* --- what it is about ------------------------------------------------------------------------ */

static int set(char out[ATTRIBUTE_SIZE], const char *text, struct err *err)
{
	if (str_copy(out, ATTRIBUTE_SIZE, text) == 0)
		return 0;
	return err_set(err, ERR_LIMIT, "a name in the path is longer than %d bytes",
	               ATTRIBUTE_SIZE - 1);
}

static const struct {
	const char *method;
	const char *verb;
	const char *verb_of_all; /* without a name */
} verbs[] = {
	{ "GET", "get", "list" },       { "HEAD", "get", "list" },
	{ "POST", "create", "create" }, { "PUT", "update", "update" },
	{ "PATCH", "patch", "patch" },  { "DELETE", "delete", "deletecollection" },
	{ "OPTIONS", "get", "get" },
};

#define METHODS (sizeof(verbs) / sizeof(verbs[0]))

/* "/api/v1/watch/..." of old, and "/api/v1/proxy/..." */
static size_t take_prefix(struct attributes *a, const struct segments *s, size_t at,
                          bool *out_watches)
{
	*out_watches = at < s->count && strcmp(s->items[at].text, "watch") == 0;
	if (*out_watches)
		return at + 1;
	if (at < s->count && strcmp(s->items[at].text, "proxy") == 0) {
		str_copy(a->subresource, sizeof(a->subresource), "proxy");
		return at + 1;
	}
	return at;
}

/* namespaces/NAME/KIND/..., or a resource of the whole cluster, which namespaces are too. *out_end:
 * behind the subresource. */
static int take_kind(struct attributes *a, const struct segments *s, size_t at, size_t *out_end,
                     struct err *err)
{
	const struct segment *items = s->items;
	size_t left = s->count - at;
	int rc = 0;

	if (strcmp(items[at].text, "namespaces") == 0 && left > 1) {
		rc = set(a->namespace, items[at + 1].text, err);
		if (left > 2 && strcmp(items[at + 2].text, "status") != 0 &&
		    strcmp(items[at + 2].text, "finalize") != 0)
			at += 2;
	}
	if (rc == 0)
		rc = set(a->kind, items[at].text, err);
	if (rc == 0 && at + 1 < s->count)
		rc = set(a->name, items[at + 1].text, err);
	if (rc == 0 && at + 2 < s->count && a->subresource[0] == 0)
		rc = set(a->subresource, items[at + 2].text, err);
	*out_end = at + 3;
	return rc;
}

/* A list of one: "fieldSelector=metadata.name=web". */
static void take_selected_name(struct attributes *a, const char *target)
{
	static const char field[] = "metadata.name=";
	char selector[ATTRIBUTE_SIZE];
	const char *name;

	if (!attributes_query(target, "fieldSelector", selector, sizeof(selector)) ||
	    !str_starts(selector, field) || strchr(selector, ',') != NULL)
		return;
	name = selector + sizeof(field) - 1;
	name += *name == '='; /* "==" is the same */
	if (str_copy(a->name, sizeof(a->name), name) != 0)
		a->name[0] = 0;
}

static void choose_verb(struct attributes *a, const char *verb_of_all, const char *target,
                        bool watches)
{
	bool lists;

	if (a->name[0] == 0)
		str_copy(a->verb, sizeof(a->verb), verb_of_all);
	lists = strcmp(a->verb, "list") == 0;
	if (watches || (lists && query_is_set(target, "watch")))
		str_copy(a->verb, sizeof(a->verb), "watch");
	if (lists || strcmp(a->verb, "deletecollection") == 0)
		take_selected_name(a, target);
	a->follows = strcmp(a->subresource, "log") == 0 && query_is_set(target, "follow");
}

static int read_resource(struct attributes *a, const struct segments *s, const char *verb_of_all,
                         const char *target, struct err *err)
{
	bool core = s->count > 0 && strcmp(s->items[0].text, "api") == 0;
	bool named = s->count > 0 && strcmp(s->items[0].text, "apis") == 0;
	size_t end = s->count;
	size_t at = core ? 1 : 2;
	bool watches;
	int rc;

	if ((!core && !named) || s->count <= at + 1)
		return check_odd(s, end, err); /* discovery, health, metrics */
	rc = set(a->version, s->items[at].text, err);
	if (rc == 0 && named)
		rc = set(a->group, s->items[1].text, err);
	at = take_prefix(a, s, at + 1, &watches);
	if (rc != 0 || at == s->count)
		return rc != 0 ? rc : check_odd(s, end, err);
	a->resource = true;
	if (take_kind(a, s, at, &end, err) != 0)
		return err->code;
	choose_verb(a, verb_of_all, target, watches);
	return check_odd(s, strcmp(a->subresource, "proxy") == 0 ? end : s->count, err);
}

int attributes_read(struct attributes *out, const char *method, const char *target, struct err *err)
{
	struct segments s;
	size_t row = 0;

	memset(out, 0, sizeof(*out));
	while (row < METHODS && strcmp(verbs[row].method, method) != 0)
		row++;
	if (row == METHODS)
		return err_set(err, ERR_INVALID, "method '%.20s' is not one of Kubernetes'",
		               method);
	str_copy(out->verb, sizeof(out->verb), verbs[row].verb);
	if (cut_path(&s, target, err) != 0 || check_query(target, err) != 0)
		return err->code;
	join_path(out, &s);
	return read_resource(out, &s, verbs[row].verb_of_all, target, err);
}

bool attributes_is_channel(const struct attributes *a)
{
	return a->resource && a->group[0] == 0 && strcmp(a->kind, "pods") == 0 && a->name[0] != 0 &&
	       (strcmp(a->subresource, "exec") == 0 || strcmp(a->subresource, "attach") == 0 ||
	        strcmp(a->subresource, "portforward") == 0);
}

bool attributes_is_long(const struct attributes *a)
{
	return a->follows || strcmp(a->verb, "watch") == 0 || strcmp(a->subresource, "proxy") == 0;
}

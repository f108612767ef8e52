#include "kubeproxyd/request/headers.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 9110 7.6.1, and what frames a body: each connection has its own. */
static const char *const of_the_connection[] = {
	"connection",
	"keep-alive",
	"proxy-connection",
	"proxy-authenticate",
	"te",
	"trailer",
	"upgrade",
	"proxy-authorization",
	"http2-settings",
	"transfer-encoding",
	"content-length",
	"alt-svc",
	NULL,
};

/* What kubeproxyd says itself, or nobody. A name that ends with '-' stands for all behind it. */
static const char *const not_from_clients[] = {
	"host",
	"authorization",
	"cookie",
	"expect",
	"impersonate-",
	"x-forwarded-",
	"forwarded",
	"x-real-ip",
	"x-remote-",
	"sec-websocket-",
	"x-stream-protocol-version",
	NULL,
};

static bool is_listed(const char *name, const char *const *list)
{
	for (; *list != NULL; list++) {
		size_t len = strlen(*list);

		if (strncasecmp(name, *list, len) == 0 &&
		    (name[len] == 0 || (*list)[len - 1] == '-'))
			return true;
	}
	return false;
}

void headers_deinit(struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		char *value = (char *)(uintptr_t)h->items[i].value;

		explicit_bzero(value, strlen(value));
		free(value);
		free((char *)(uintptr_t)h->items[i].name);
	}
	h->count = 0;
}

int headers_add(struct headers *h, const char *name, const char *value, struct err *err)
{
	struct http1_header copy;

	if (h->count == HEADERS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d headers", HEADERS_MAX);
	copy = (struct http1_header){ strdup(name), strdup(value) };
	if (copy.name == NULL || copy.value == NULL) {
		free((char *)(uintptr_t)copy.name);
		free((char *)(uintptr_t)copy.value);
		return err_set_nomem(err);
	}
	h->items[h->count++] = copy;
	return 0;
}

const char *headers_get(const struct headers *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++)
		if (strcasecmp(h->items[i].name, name) == 0)
			return h->items[i].value;
	return NULL;
}

/* One word of a comma-separated list; returns what is behind it, NULL: it was the last. */
static const char *next_word(const char *at, const char **out_word, size_t *out_len)
{
	size_t len = strcspn(at, ",");
	const char *rest = at[len] != 0 ? at + len + 1 : NULL;

	while (len > 0 && (*at == ' ' || *at == '\t'))
		at++, len--;
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	*out_word = at;
	*out_len = len;
	return rest;
}

bool headers_list_has(const struct http1_header *from, size_t count, const char *name,
                      const char *word)
{
	for (size_t i = 0; i < count; i++) {
		const char *at = strcasecmp(from[i].name, name) == 0 ? from[i].value : NULL;

		while (at != NULL) {
			const char *one;
			size_t len;

			at = next_word(at, &one, &len);
			if (len == strlen(word) && strncasecmp(one, word, len) == 0)
				return true;
		}
	}
	return false;
}

static int take(struct headers *to, const struct http1_header *from, size_t count,
                const char *const *left_out, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = from[i].name;

		if (*name == ':' || is_listed(name, of_the_connection) ||
		    (left_out != NULL && is_listed(name, left_out)) ||
		    headers_list_has(from, count, "connection", name))
			continue;
		if (headers_add(to, name, from[i].value, err) != 0)
			return err->code;
	}
	return 0;
}

int headers_take_request(struct headers *to, const struct http1_header *from, size_t count,
                         struct err *err)
{
	return take(to, from, count, not_from_clients, err);
}

int headers_take_answer(struct headers *to, const struct http1_header *from, size_t count,
                        struct err *err)
{
	return take(to, from, count, NULL, err);
}

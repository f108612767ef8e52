/*
 * headers - the header fields of a request or answer on their way through: a list of our own, from
 * which goes what belongs to one connection only (RFC 9110 7.6.1), and what a client may not say.
 *
 * Nothing is passed on as bytes: names and values are read, judged and written anew.
 */
#ifndef KUBEPROXYD_REQUEST_HEADERS_H
#define KUBEPROXYD_REQUEST_HEADERS_H

#include "wire/http1.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

#define HEADERS_MAX 128

/* { 0 } is empty. Names and values are the list's own. */
struct headers {
	struct http1_header items[HEADERS_MAX];
	size_t count;
};

void headers_deinit(struct headers *h); /* values wiped: tokens are among them */

/* Appends copies. ERR_LIMIT: more than HEADERS_MAX. */
int headers_add(struct headers *h, const char *name, const char *value, struct err *err);

/* The value of the first of that name, in any case; NULL: there is none. */
const char *headers_get(const struct headers *h, const char *name);

/*
 * Appends those of a client's request that go on to the API server. Left out: fields of the
 * connection and those that `Connection` names, how the body is framed, Host, Authorization,
 * Cookie, Expect, Impersonate-*, X-Forwarded-*, X-Remote-*, and what asks for another protocol
 * (Upgrade, Sec-WebSocket-*, X-Stream-Protocol-Version). HTTP/2's pseudo fields as well.
 */
int headers_take_request(struct headers *to, const struct http1_header *from, size_t count,
                         struct err *err);

/* The same of an answer: fields of the connection and the framing go. */
int headers_take_answer(struct headers *to, const struct http1_header *from, size_t count,
                        struct err *err);

/* Whether a comma-separated field ("Connection: keep-alive, Upgrade") of the request holds a word,
 * in any case. */
bool headers_list_has(const struct http1_header *from, size_t count, const char *name,
                      const char *word);

#endif

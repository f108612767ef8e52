/*
 * http_proxy - an HTTP proxy on our own way out (CONNECT, RFC 9110, 9.3.6): what the settings and
 * the environment say of it, which targets go through it, what is asked and what it answers.
 *
 * The name of a target goes to the proxy as it is: who can only get out through one seldom has a
 * resolver that knows it. No message holds the settings' text, for a password may be in it.
 */
#ifndef WIRE_HTTP_PROXY_H
#define WIRE_HTTP_PROXY_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;
struct http1;
struct http_proxy;

/*
 * `setting` is "http://[user:password@]host:port", both of them %-encoded where need be; "": no
 * proxy, whatever the environment says; NULL: as https_proxy or HTTPS_PROXY says, "http://" and a
 * "/" behind it being optional everywhere. no_proxy or NO_PROXY excepts from the environment's, not
 * from the setting's: names with all that is below them, addresses, or "*", with commas or blanks
 * between. `env` is getenv(). *out is NULL when there is none. ERR_INVALID, ERR_NOMEM.
 */
int http_proxy_new(const char *setting, char *(*env)(const char *name), struct http_proxy **out,
                   struct err *err);
void http_proxy_free(struct http_proxy *p); /* wipes it; NULL allowed */

/* Does the way to `target` ("host:port", "[v6]:port", "unix:/path") lead through it? NULL: no. */
bool http_proxy_covers(const struct http_proxy *p, const char *target);

/* Its own "host:port". */
const char *http_proxy_addr(const struct http_proxy *p);

/* Appends the request for a way to "host:port"; buf_wipe() it. ERR_INVALID: that is no target. */
int http_proxy_ask(const struct http_proxy *p, const char *target, struct buf *out,
                   struct err *err);

/* For its answer, to be freed by http1_free(). NULL when memory runs out. */
struct http1 *http_proxy_answer_new(void);

/*
 * Reads on; what follows the *out_used bytes comes from the target. *out_through: it leads there
 * from here on; false: more is to come. ERR_UNAVAILABLE: refused, with the status; ERR_INVALID: not
 * HTTP; ERR_LIMIT: too long.
 */
int http_proxy_answer(struct http1 *answer, const void *data, size_t len, size_t *out_used,
                      bool *out_through, struct err *err);

#endif

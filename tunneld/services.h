/*
 * services - what this agent lets proxies reach: a channel's service name becomes an address, and
 * the two are joined.
 *
 *   request --> known? --no--> refused
 *                 \--yes--> DIALLING --> accepted, spliced --> gone
 *                              \--fails: refused;  proxy gives up: withdrawn
 *
 * Named services are those of the settings; any other name has to stand in `allow` as it is.
 */
#ifndef TUNNELD_SERVICES_H
#define TUNNELD_SERVICES_H

#include "conf/conf.h"

#include <uv.h>

struct channel;
struct services;

struct service {
	const char *name;
	const char *addr; /* NULL or "": not served */
};

struct services_conf {
	uv_loop_t *loop;
	const struct service *named; /* ends with a NULL name; borrowed, as all here */
	const struct conf_list *allow;
	unsigned dial_ms;
};

struct services *services_new(const struct services_conf *conf); /* NULL when memory runs out */

/* Ends what is joined; run the loop once more afterwards. NULL allowed. */
void services_free(struct services *s);

/* tunnel.h's events `request` and `withdrawn`; `proxy` is who asks, for the log. */
void *services_request(struct services *s, struct channel *c, const char *service,
                       const char *proxy);
void services_withdrawn(void *asked);

size_t services_count(const struct services *s); /* joined now */

#endif

/*
 * upstream_inside - what the files of upstream share.
 */
#ifndef KUBEPROXYD_UPSTREAM_UPSTREAM_INSIDE_H
#define KUBEPROXYD_UPSTREAM_UPSTREAM_INSIDE_H

#include "base/list.h"
#include "kubeproxyd/upstream/place.h"
#include "kubeproxyd/upstream/upstream.h"

#include <stdbool.h>

struct tally;
struct timer;
struct tls_conf;
struct work_pool;

struct upstream {
	struct upstream_conf conf;
	struct place where;
	struct tls_conf *tls;         /* agrees on h2 or HTTP/1.1 */
	struct tls_conf *upgrade_tls; /* on HTTP/1.1 only */
	struct work_pool *handshakes;
	int64_t token_read_at;     /* loop time */
	bool token_failed;         /* the last time it could not be read; said once */
	struct tally *connections; /* open, or being opened */
	struct list dials;
	struct list links;      /* struct link: connections that calls share */
	struct list waiting;    /* struct upstream_call, for a link */
	struct list failed;     /* the same, about to be told */
	struct timer *idle_due; /* links without a call are looked at */
	struct timer *soon;     /* calls that failed are told */
	bool http2;             /* the API server speaks it, or may */
};

/* dial.c. As upstream_dial(); `plain`: for calls, may agree on HTTP/2. The connection counts until
 * the stream is freed. */
int upstream_dial_for(struct upstream *u, bool plain, upstream_dial_cb cb, void *owner,
                      struct upstream_dial **out, struct err *err);
void upstream_dials_close(struct upstream *u);

/* link.c */
void links_init(struct upstream *u);
int links_open(struct upstream *u, struct err *err);
void links_close(struct upstream *u);

#endif

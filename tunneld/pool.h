/*
 * pool - keeps as many agents as there are proxies of a cluster (seats.h), whatever is in front of
 * them.
 *
 *   worker:  WAITING --its time--> SEEKING --claimed a seat--> SEATED --lost--> WAITING
 *               ^                     |                           \--proxy drains--> LEAVING -->
 * gone
 *               '---failed, or the balancer gave a proxy that we have
 *
 * A worker waits longer after each try in vain, with jitter, up to POOL_WAIT_MOST_MS, so a balancer
 * that always gives the same proxy costs little. Waits are short again after success. One whose
 * proxy drains gives its seat back and stays until its last channel has ended.
 */
#ifndef TUNNELD_POOL_H
#define TUNNELD_POOL_H

#include <stddef.h>

#include <uv.h>

struct buf;
struct clock;
struct conf_list;
struct err;
struct http_proxy;
struct pool;
struct services;
struct tls_conf;
struct work_pool;

#define POOL_WAIT_FIRST_MS 500
#define POOL_WAIT_MOST_MS  60000

/* Borrowed for the pool's life. */
struct pool_conf {
	uv_loop_t *loop;
	const struct clock *clock;
	const char *cluster;           /* whose proxies */
	const struct conf_list *addrs; /* "host:port", in turns */
	struct work_pool *handshakes;
	struct services *services;
	const struct http_proxy *http_proxy; /* on the way to them; NULL: none */
	unsigned timeout_ms;
	unsigned beat_ms;
	unsigned channels_max;
	void (*freed)(void *ctx); /* closed, it borrows no more; may be NULL */
	void *ctx;
};

/* `tls` (a reference is taken): our certificate, the trust in the cluster's hosts. ERR_NOMEM. */
int pool_open(const struct pool_conf *conf, struct tls_conf *tls, struct pool **out,
              struct err *err);

/* Ends all tunnels; run the loop once more afterwards. NULL allowed. */
void pool_close(struct pool *p);

/* Other certificates or authorities: tunnels are replaced one after the other, open channels stay
 * with the old ones until they end. */
void pool_set_tls(struct pool *p, struct tls_conf *tls);

size_t pool_tunnels(const struct pool *p); /* seated */
void pool_metrics(const struct pool *p, struct buf *out);

#endif

#include "authd/ports/tls_port.h"

#include "authd/core/authd.h"
#include "authd/core/own.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "daemon/arrivals.h"
#include "file/file.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/trust.h"
#include "rpc/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 20000
#define TICKET_LIFE_MS  (24LL * 3600 * 1000)
#define TICKETS_SAVE_MS (3600LL * 1000)
#define TICKETS_MAX     65536
#define RETRY_MS        (60LL * 1000)
#define STUCK_MS        60000 /* that a client's kernel takes none of what waits for it */

struct tls_port {
	struct authd *authd;
	struct listen *listen;
	struct arrivals *arrivals;
	struct ticket_keys *tickets;
	uint8_t generation[HASH_SIZE]; /* of the authorities that the tickets are for */
	bool serving;                  /* the generation is known */
	struct timer *renew;
	struct timer *save;
	char *tickets_path;
	char *target; /* "auth.<cluster>": what prefaces must be meant for */
};

/* --- connections ----------------------------------------------------------------------------- */

/* A client that stands still takes nothing, and yet its kernel answers for it: keep-alive alone
 * would never end it. */
static void bound_silence(struct stream *s)
{
	unsigned stuck = STUCK_MS;

	setsockopt(stream_fd(s), IPPROTO_TCP, TCP_USER_TIMEOUT, &stuck, sizeof(stuck));
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct tls_port *p = owner;

	bound_silence(take_stream);
	arrivals_take(p->arrivals, take_stream);
}

static void on_refuse(void *owner, const struct err *err)
{
	(void)owner;
	log_warn("connection refused", kv("error", err->msg));
}

static void on_secure(void *ctx, struct stream *take_stream, const struct forwarded_client *client)
{
	struct tls_port *p = ctx;
	struct err err;

	if (rpc_server_attach(p->authd->server, take_stream, client != NULL ? client->addr : NULL,
	                      &err) != 0)
		log_info("connection refused", kv("peer", stream_peer(take_stream)),
		         kv("error", err.msg));
}

static const struct x509_set *trust_of(void *ctx, const char *cluster)
{
	const struct authd *a = ctx;

	return str_eq(cluster, a->conf.cluster_name) ? a->authorities.host->trust : NULL;
}

static struct arrivals *make_arrivals(struct tls_port *p)
{
	struct authd *a = p->authd;
	struct arrivals_conf conf = {
		.loop = a->loop,
		.forwarded = { a->clock, NULL, a, trust_of },
		.guests = (unsigned)a->conf.max_arriving,
		.ctx = p,
		.on_secure = on_secure,
	};

	p->target = str_printf("auth.%s", a->conf.cluster_name);
	conf.forwarded.target = p->target;
	return p->target != NULL ? arrivals_new(&conf) : NULL;
}

/* --- certificate ----------------------------------------------------------------------------- */

static void save_tickets(void *owner);

/* Tickets belong to the authorities that were trusted when they were made: others, and nobody may
 * ever resume from before. */
static int forget_tickets(struct tls_port *p, const struct x509_set *trust, struct err *err)
{
	uint8_t generation[HASH_SIZE];

	if (x509_set_generation(trust, generation, err) != 0)
		return err->code;
	if (p->serving && memcmp(generation, p->generation, HASH_SIZE) != 0) {
		ticket_keys_reset(p->tickets);
		save_tickets(p);
	}
	memcpy(p->generation, generation, HASH_SIZE);
	p->serving = true;
	return 0;
}

static int make_conf(struct tls_port *p, struct x509 *cert, struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	struct authd *a = p->authd;
	const struct authority *host = a->authorities.host;
	const struct x509 *chain[1 + AUTHORITY_CHAIN_MAX] = { cert };
	struct tls_own own = { .chain = chain, .chain_len = 1, .key = a->own.key };
	const struct tls_conf_spec spec = {
		.role = TLS_SERVER,
		.service = "authd",
		.clock = a->clock,
		.own = &own,
		.own_count = 1,
		.trust = trust_clients(a->authorities.trust),
		.client_auth = TLS_AUTH_OPTIONAL,
		.alpn = alpn,
		.tickets = p->tickets,
	};

	for (size_t i = 0; i < host->chain_len; i++)
		chain[own.chain_len++] = host->chain[i];
	if (forget_tickets(p, spec.trust, err) != 0)
		return err->code;
	return tls_conf_new(&spec, out, err);
}

/* A new certificate for the connections to come; those that are open keep theirs. */
static int renew(struct tls_port *p, struct err *err)
{
	struct authd *a = p->authd;
	struct tls_conf *conf;
	struct x509 *cert;
	int rc;

	if (own_issue(&a->own, &a->conf, a->authorities.host, authd_now(a), &cert, err) != 0)
		return err->code;
	rc = make_conf(p, cert, &conf, err);
	x509_unref(cert);
	if (rc != 0)
		return rc;
	arrivals_set_conf(p->arrivals, conf);
	tls_conf_unref(conf);
	timer_once(p->renew, a->conf.host_cert_ttl / 3 * 2);
	return 0;
}

int tls_port_reload(struct tls_port *p, struct err *err)
{
	return renew(p, err) == 0 ? 0 : err_wrap(err, "own certificate");
}

static void on_renew(void *owner)
{
	struct tls_port *p = owner;
	struct err err;

	if (renew(p, &err) == 0) {
		log_info("own certificate renewed");
		return;
	}
	log_error("own certificate not renewed", kv("error", err.msg));
	timer_once(p->renew, RETRY_MS);
}

/* --- ticket keys ----------------------------------------------------------------------------- */

static void save_tickets(void *owner)
{
	struct tls_port *p = owner;
	struct buf keys = { 0 };
	struct err err;

	ticket_keys_save(p->tickets, &keys);
	if (buf_check(&keys, &err) != 0 ||
	    file_replace(p->tickets_path, keys.data, keys.len, 0600, &err) != 0)
		log_warn("ticket keys not saved", kv("error", err.msg));
	buf_wipe(&keys);
}

/* Those of the run before; without them everybody does a full handshake, no more. */
static int open_tickets(struct tls_port *p, struct err *err)
{
	struct buf keys = { 0 };
	struct err ignored;

	p->tickets_path = str_printf("%s/tickets", p->authd->conf.data_dir);
	if (p->tickets_path == NULL)
		return err_set_nomem(err);
	if (ticket_keys_new(p->authd->clock, TICKET_LIFE_MS, &p->tickets, err) != 0)
		return err->code;
	if (file_read(p->tickets_path, TICKETS_MAX, &keys, &ignored) == 0 &&
	    ticket_keys_load(p->tickets, keys.data, keys.len, &ignored) != 0)
		log_warn("ticket keys are damaged and made anew", kv("error", ignored.msg));
	buf_wipe(&keys);
	save_tickets(p);
	return 0;
}

/* --- open and close -------------------------------------------------------------------------- */

static int open_parts(struct tls_port *p, struct err *err)
{
	static const struct listen_limits limits = { .max = CONNECTIONS_MAX };
	static const struct listen_handler handler = { on_accept, on_refuse };
	struct authd *a = p->authd;

	p->arrivals = make_arrivals(p);
	p->renew = timer_new(a->loop, on_renew, p);
	p->save = timer_new(a->loop, save_tickets, p);
	p->listen = listen_new(a->loop, &limits, &handler, p);
	if (p->arrivals == NULL || p->renew == NULL || p->save == NULL || p->listen == NULL)
		return err_set_nomem(err);
	if (open_tickets(p, err) != 0 || renew(p, err) != 0)
		return err->code;
	timer_every(p->save, TICKETS_SAVE_MS);
	for (size_t i = 0; i < a->conf.listen.count; i++)
		if (listen_add(p->listen, a->conf.listen.items[i], err) != 0)
			return err_wrap(err, "listen on '%s'", a->conf.listen.items[i]);
	return 0;
}

int tls_port_open(struct authd *a, struct tls_port **out, struct err *err)
{
	struct tls_port *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->authd = a;
	if (open_parts(p, err) != 0) {
		tls_port_close(p);
		return err->code;
	}
	*out = p;
	return 0;
}

const struct arrivals *tls_port_arrivals(const struct tls_port *p)
{
	return p->arrivals;
}

unsigned tls_port_number(const struct tls_port *p)
{
	return listen_port(p->listen);
}

void tls_port_close(struct tls_port *p)
{
	if (p == NULL)
		return;
	listen_free(p->listen);
	arrivals_free(p->arrivals);
	if (p->tickets != NULL)
		save_tickets(p);
	timer_free(p->renew);
	timer_free(p->save);
	ticket_keys_unref(p->tickets);
	free(p->tickets_path);
	free(p->target);
	free(p);
}

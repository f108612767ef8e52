#include "kubeproxyd/port.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "crypto/x509_set.h"
#include "daemon/arrivals.h"
#include "daemon/host.h"
#include "kubeproxyd/access/visit.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/exchange/front1.h"
#include "kubeproxyd/exchange/front2.h"
#include "kubeproxyd/sessions/join.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "model/trust.h"

#include <stdlib.h>
#include <string.h>

#define ARRIVING_MAX   512
#define TICKET_LIFE_MS (12LL * 3600 * 1000)

struct port {
	struct kubeproxyd *k;
	struct listen *listen;
	struct arrivals *arrivals;
	struct ticket_keys *tickets;
	uint8_t generation[HASH_SIZE]; /* of the authorities that the tickets are for */
	bool serving;                  /* the generation is known */
};

/* --- connections ----------------------------------------------------------------------------- */

static void on_accept(void *owner, struct stream *take_stream)
{
	struct port *p = owner;

	arrivals_take(p->arrivals, take_stream);
}

static void on_refuse(void *owner, const struct err *err)
{
	(void)owner;
	log_warn("connection refused", kv("reason", err->msg));
}

static void on_secure(void *ctx, struct stream *take_stream, const struct forwarded_client *client)
{
	const char *addr = client != NULL ? client->addr : stream_peer(take_stream);
	struct port *p = ctx;
	bool h2;
	struct visit *visit = visit_new(p->k, tls_peer(stream_tls(take_stream)), addr);

	if (visit == NULL) {
		stream_refuse(take_stream, NULL);
		return;
	}
	if (visit->refused.code != 0)
		log_info("visitor refused", kv("addr", visit->peer.addr),
		         kv("reason", visit->refused.msg));
	h2 = str_eq(tls_peer(stream_tls(take_stream))->alpn, "h2");
	tls_forget_cert(stream_tls(take_stream));
	if (client != NULL && client->joins)
		join_serve(visit, take_stream);
	else
		(h2 ? front2_start : front1_start)(visit, take_stream);
	visit_unref(visit);
}

/* --- certificates ---------------------------------------------------------------------------- */

/* Tickets belong to the authorities that were trusted when they were made: others, and nobody may
 * ever resume from before. */
static int forget_tickets(struct port *p, const struct x509_set *trust, struct err *err)
{
	uint8_t generation[HASH_SIZE];

	if (x509_set_generation(trust, generation, err) != 0)
		return err->code;
	if (p->serving && memcmp(generation, p->generation, HASH_SIZE) != 0)
		ticket_keys_reset(p->tickets);
	memcpy(p->generation, generation, HASH_SIZE);
	p->serving = true;
	return 0;
}

int port_reload(struct port *p, struct err *err)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	const struct x509_set *clients = trust_clients(host_trust(p->k->host));
	const struct credentials *c = host_credentials(p->k->host);
	const struct tls_own own = { (const struct x509 *const *)c->parts.server_chain,
		                     c->parts.server_chain_len, c->tls_key };
	const struct tls_conf_spec spec = {
		.role = TLS_SERVER,
		.service = "kubeproxyd",
		.clock = p->k->clock,
		.own = &own,
		.own_count = 1,
		.trust = clients,
		.client_auth = TLS_AUTH_OPTIONAL,
		.alpn = alpn,
		.tickets = p->tickets,
	};
	struct tls_conf *conf;

	if (forget_tickets(p, clients, err) != 0 || tls_conf_new(&spec, &conf, err) != 0)
		return err->code;
	arrivals_set_conf(p->arrivals, conf);
	tls_conf_unref(conf);
	return 0;
}

/* --- open and close -------------------------------------------------------------------------- */

static const struct x509_set *trust_of(void *ctx, const char *cluster)
{
	const struct kubeproxyd *k = ctx;

	return !str_eq(cluster, host_cluster(k->host)) ? NULL
	                                               : host_credentials(k->host)->parts.host_cas;
}

static int open_parts(struct port *p, struct err *err)
{
	static const struct listen_handler handler = { on_accept, on_refuse };
	struct kubeproxyd *k = p->k;
	const struct arrivals_conf arriving = {
		.loop = k->loop,
		.forwarded = { k->clock, host_id(k->host), k, trust_of },
		.guests = ARRIVING_MAX,
		.ctx = p,
		.on_secure = on_secure,
	};
	const struct listen_limits limits = {
		.max = (unsigned)k->conf.max_connections,
		.max_per_addr = (unsigned)k->conf.max_connections_per_addr,
	};

	p->arrivals = arrivals_new(&arriving);
	p->listen = listen_new(k->loop, &limits, &handler, p);
	if (p->arrivals == NULL || p->listen == NULL)
		return err_set_nomem(err);
	if (ticket_keys_new(k->clock, TICKET_LIFE_MS, &p->tickets, err) != 0 ||
	    port_reload(p, err) != 0)
		return err->code;
	return listen_add_addr(p->listen, &k->conf.listen, err);
}

int port_open(struct kubeproxyd *k, struct port **out, struct err *err)
{
	struct port *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->k = k;
	if (open_parts(p, err) != 0) {
		port_close(p);
		return err->code;
	}
	*out = p;
	return 0;
}

void port_close(struct port *p)
{
	if (p == NULL)
		return;
	listen_free(p->listen);
	arrivals_free(p->arrivals);
	ticket_keys_unref(p->tickets);
	free(p);
}

unsigned port_number(const struct port *p)
{
	return listen_port(p->listen);
}

unsigned port_connections(const struct port *p)
{
	return listen_count(p->listen);
}

#include "authd/ports/tls_port.h"

#include "authd/core/authd.h"
#include "authd/core/own.h"
#include "authd/ports/forwarded.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "file/file.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "rpc/server.h"
#include "wire/preface.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX    20000
#define HANDSHAKES_AT_ONCE 2
#define HANDSHAKES_WAITING 16384
#define HANDSHAKE_MS       60000 /* the wait for its turn included */
#define FIRST_BYTES_MS     10000
#define TICKET_LIFE_MS     (24LL * 3600 * 1000)
#define TICKETS_SAVE_MS    (3600LL * 1000)
#define TICKETS_MAX        65536
#define RETRY_MS           (60LL * 1000)

struct tls_port {
	struct authd *authd;
	struct listen *listen;
	struct work_pool *handshakes;
	struct ticket_keys *tickets;
	struct forwarded *forwarded;
	struct tls_conf *conf; /* of the present certificate */
	struct timer *renew;
	struct timer *save;
	struct list incoming; /* struct incoming */
	char *tickets_path;
};

/* A connection until the rpc server has it. */
struct incoming {
	struct list link;
	struct tls_port *port;
	struct stream *stream;
	struct timer *deadline;             /* of the first bytes; the handshake has its own */
	char client_addr[STREAM_PEER_SIZE]; /* as a proxy's preface told it */
	bool preface;
};

/* --- connections ----------------------------------------------------------------------------- */

static void incoming_free(struct incoming *in)
{
	list_remove(&in->link);
	timer_free(in->deadline);
	free(in);
}

static void refuse(struct incoming *in, const struct err *err)
{
	log_info("connection refused", kv("peer", stream_peer(in->stream)), kv("error", err->msg));
	stream_reset(in->stream, err);
}

static void begin_handshake(struct incoming *in)
{
	struct tls *tls;
	struct err err;

	timer_stop(in->deadline);
	if (tls_new(in->port->conf, NULL, &tls, &err) != 0)
		refuse(in, &err);
	else
		stream_start_tls(in->stream, tls, in->port->handshakes, HANDSHAKE_MS);
}

/* Looks at the preface; TLS follows behind it. Returns the bytes it used. */
static size_t take_preface(struct incoming *in, const uint8_t *data, size_t len)
{
	struct err err;
	size_t used;

	if (forwarded_take(in->port->forwarded, data, len, in->client_addr, &used, &err) != 0) {
		refuse(in, &err);
		return len;
	}
	in->preface = used > 0;
	if (in->preface)
		begin_handshake(in);
	return used;
}

static size_t on_first_bytes(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct incoming *in = owner;
	size_t compare = len < PREFACE_MAGIC_SIZE ? len : PREFACE_MAGIC_SIZE;

	(void)s;
	if (memcmp(data, PREFACE_MAGIC, compare) != 0) {
		begin_handshake(in);
		return 0;
	}
	return compare < PREFACE_MAGIC_SIZE ? 0 : take_preface(in, data, len);
}

static void on_secure(void *owner, struct stream *s)
{
	struct incoming *in = owner;
	struct rpc_server *server = in->port->authd->server;
	struct err err;

	if (rpc_server_attach(server, s, in->preface ? in->client_addr : NULL, &err) != 0)
		log_info("connection refused", kv("peer", stream_peer(s)), kv("error", err.msg));
	incoming_free(in);
}

static void on_incoming_closed(void *owner, struct stream *s, const struct err *err)
{
	if (err != NULL)
		log_info("connection failed", kv("peer", stream_peer(s)), kv("error", err->msg));
	incoming_free(owner);
}

static void on_deadline(void *owner)
{
	struct incoming *in = owner;
	struct err err;

	err_set(&err, ERR_TIMEOUT, "nothing was said");
	refuse(in, &err);
}

static void on_accept(void *owner, struct stream *take_stream)
{
	static const struct stream_handler handler = {
		.on_data = on_first_bytes,
		.on_secure = on_secure,
		.on_close = on_incoming_closed,
	};
	struct tls_port *p = owner;
	struct incoming *in = calloc(1, sizeof(*in));

	if (in != NULL)
		in->deadline = timer_new(p->authd->loop, on_deadline, in);
	if (in == NULL || in->deadline == NULL) {
		free(in);
		stream_reset(take_stream, NULL);
		return;
	}
	in->port = p;
	in->stream = take_stream;
	list_append(&p->incoming, &in->link);
	timer_once(in->deadline, FIRST_BYTES_MS);
	stream_attach(take_stream, &handler, in);
}

static void on_refuse(void *owner, const struct err *err)
{
	(void)owner;
	log_warn("connection refused", kv("error", err->msg));
}

/* --- certificate ----------------------------------------------------------------------------- */

static int make_conf(struct tls_port *p, struct x509 *cert, struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	struct authd *a = p->authd;
	const struct x509 *chain[] = { cert, a->authorities.host.tls_cert };
	struct tls_own own = { .chain = chain, .chain_len = 2, .key = a->own.key };
	struct x509_set *trust = NULL;
	struct tls_conf_spec spec = {
		.role = TLS_SERVER,
		.service = "authd",
		.clock = a->clock,
		.own = &own,
		.own_count = 1,
		.client_auth = TLS_AUTH_OPTIONAL,
		.alpn = alpn,
		.tickets = p->tickets,
	};
	int rc = authorities_trust(&a->authorities, &trust, err);

	if (rc == 0) {
		spec.trust = trust;
		rc = tls_conf_new(&spec, out, err);
	}
	x509_set_unref(trust);
	return rc;
}

/* A new certificate for the connections to come; those that are open keep theirs. */
static int renew(struct tls_port *p, struct err *err)
{
	struct authd *a = p->authd;
	struct tls_conf *conf;
	struct x509 *cert;
	int rc;

	if (own_issue(&a->own, &a->conf, &a->authorities.host, authd_now(a), &cert, err) != 0)
		return err->code;
	rc = make_conf(p, cert, &conf, err);
	x509_unref(cert);
	if (rc != 0)
		return rc;
	tls_conf_unref(p->conf);
	p->conf = conf;
	timer_once(p->renew, a->conf.host_cert_ttl / 3 * 2);
	return 0;
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

	p->handshakes = work_pool_new(a->loop, HANDSHAKES_AT_ONCE, HANDSHAKES_WAITING);
	p->renew = timer_new(a->loop, on_renew, p);
	p->save = timer_new(a->loop, save_tickets, p);
	p->listen = listen_new(a->loop, &limits, &handler, p);
	p->forwarded = forwarded_new(a);
	if (p->handshakes == NULL || p->renew == NULL || p->save == NULL || p->listen == NULL ||
	    p->forwarded == NULL)
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
	list_init(&p->incoming);
	if (open_parts(p, err) != 0) {
		tls_port_close(p);
		return err->code;
	}
	*out = p;
	return 0;
}

unsigned tls_port_number(const struct tls_port *p)
{
	return listen_port(p->listen);
}

void tls_port_close(struct tls_port *p)
{
	static const struct stream_handler nobody = { 0 };

	if (p == NULL)
		return;
	listen_free(p->listen);
	while (!list_empty(&p->incoming)) {
		struct incoming *in = container_of(p->incoming.next, struct incoming, link);

		stream_attach(in->stream, &nobody, NULL);
		stream_reset(in->stream, NULL);
		incoming_free(in);
	}
	if (p->tickets != NULL)
		save_tickets(p);
	forwarded_free(p->forwarded);
	timer_free(p->renew);
	timer_free(p->save);
	tls_conf_unref(p->conf);
	ticket_keys_unref(p->tickets);
	work_pool_free(p->handshakes);
	free(p->tickets_path);
	free(p);
}

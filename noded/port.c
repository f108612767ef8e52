#include "noded/port.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "daemon/host.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "loop/strikes.h"
#include "loop/tally.h"
#include "loop/timer.h"
#include "model/identity.h"
#include "noded/conn.h"
#include "noded/join.h"
#include "noded/noded.h"
#include "wire/preface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_BYTES_MS 10000
#define SILENT_MAX     128 /* arrivals of one network; a proxy's say at once what they want */
#define WRONG_MAX      20  /* prefaces of one network that may be wrong within... */
#define WRONG_MS       10000
#define FIRST_BYTES    8 /* tell "SSH-2.0-" from "POSTERN1" */
#define PEEK_MAX       (PREFACE_MAGIC_SIZE + 4 + PREFACE_MAX)

struct port {
	struct noded *n;
	struct listen *listen;
	struct list arrivals;
	struct tally *silent;  /* the arrivals, by network */
	struct strikes *wrong; /* who makes us check signatures for nothing */
};

/* A connection whose first bytes are looked at. */
struct arrival {
	struct list link;
	struct port *port;
	struct stream *stream; /* not attached: nobody reads */
	int fd;                /* a dup for the poll, for the stream has its own */
	uv_poll_t poll;
	struct timer *deadline;
	struct tally_entry *counted;
	size_t needed; /* bytes that have to be there before we are called */
	char client[STREAM_PEER_SIZE];
};

/* --- ending an arrival ----------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *h)
{
	struct arrival *a = container_of(h, struct arrival, poll);

	close(a->fd);
	free(a);
}

/* The stream is the caller's, or gone. */
static void leave(struct arrival *a)
{
	list_remove(&a->link);
	tally_remove(a->counted);
	timer_free(a->deadline);
	uv_close((uv_handle_t *)&a->poll, on_poll_closed);
}

static void refuse(struct arrival *a, const struct err *why)
{
	log_info("connection refused", kv("addr", stream_peer(a->stream)), kv("reason", why->msg));
	stream_reset(a->stream, why);
	leave(a);
}

static void need(struct arrival *a, size_t bytes)
{
	int lowat = (int)bytes;

	a->needed = bytes;
	setsockopt(a->fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
}

/* --- handing it on --------------------------------------------------------------------------- */

static void serve_ssh(struct arrival *a)
{
	struct noded *n = a->port->n;
	struct buf nothing = { 0 };
	struct err err = { 0 };
	int fd;

	need(a, 1);
	if (stream_take_fd(a->stream, &fd, &nothing, &err) != 0) {
		refuse(a, &err);
		return;
	}
	if (conn_start(n, fd, a->client, &err) != 0)
		log_warn("connection refused", kv("addr", a->client), kv("reason", err.msg));
	leave(a);
}

static void serve_join(struct arrival *a)
{
	need(a, 1);
	join_serve(a->port->n->joins, a->stream, a->client);
	leave(a);
}

/* --- prefaces -------------------------------------------------------------------------------- */

static int check_signer(void *arg, const struct x509 *signer, struct err *err)
{
	const struct noded *n = arg;
	const struct x509_info *info = x509_info(signer);
	pv_Identity id = pv_Identity_init_zero;
	int rc = 0;

	if (identity_decode(&id, info->identity, info->identity_len, err) != 0)
		return err_set(err, ERR_UNAUTHENTICATED, "'%s' has no identity", info->common_name);
	if (!str_eq(id.system_role, "Proxy") || !str_eq(id.cluster, host_cluster(n->host)))
		rc = err_set(err, ERR_DENIED, "'%s' is not a proxy of this cluster",
		             info->common_name);
	identity_deinit(&id);
	return rc;
}

static int verify(struct noded *n, const pv_Preface *preface, pv_PrefacePayload *out,
                  struct err *err)
{
	const struct preface_check check = {
		.trust = host_credentials(n->host)->parts.host_cas,
		.target = host_id(n->host),
		.now_ms = clock_wall_ms(n->clock),
		.seen = n->prefaces,
		.judge = check_signer,
		.judge_arg = n,
	};
	struct x509 *signer;
	int rc = preface_verify(preface, &check, out, &signer, err);

	if (rc == 0)
		x509_unref(signer);
	return rc;
}

/* What stands in the kernel's buffer is the preface; takes exactly that out. */
static int take_out(const struct arrival *a, size_t len, struct err *err)
{
	uint8_t bytes[PEEK_MAX];
	ssize_t n = recv(a->fd, bytes, len, MSG_DONTWAIT);

	return n == (ssize_t)len ? 0 : err_set(err, ERR_INTERNAL, "preface could not be taken");
}

static void serve_forwarded(struct arrival *a, const pv_Preface *preface, size_t len)
{
	const char *from = stream_peer(a->stream);
	int64_t now = clock_mono_ms(a->port->n->clock);
	pv_PrefacePayload payload;
	struct err err = { 0 };
	bool joins;

	if (strikes_check(a->port->wrong, from, now, &err) != 0) {
		refuse(a, &err);
		return;
	}
	if (verify(a->port->n, preface, &payload, &err) != 0) {
		strikes_add(a->port->wrong, from, now);
		refuse(a, &err);
		return;
	}
	joins = payload.kind == pv_StreamKind_STREAM_JOIN;
	snprintf(a->client, sizeof(a->client), "%s",
	         payload.client_addr != NULL ? payload.client_addr : "");
	preface_payload_release(&payload);
	if (take_out(a, len, &err) != 0)
		refuse(a, &err);
	else if (joins)
		serve_join(a);
	else
		serve_ssh(a);
}

static void look_at_preface(struct arrival *a, const uint8_t *data, size_t len)
{
	pv_Preface preface;
	struct err err = { 0 };
	size_t used = 0;

	if (preface_parse(data, len, &preface, &used, &err) != 0) {
		refuse(a, &err);
	} else if (used == 0) {
		/* Its length stands behind the magic; before that is known, wait for it. */
		need(a, len < PREFACE_MAGIC_SIZE + 4
		                ? PREFACE_MAGIC_SIZE + 4
		                : PREFACE_MAGIC_SIZE + 4 + (size_t)(data[10] << 8 | data[11]));
	} else {
		serve_forwarded(a, &preface, used);
		preface_release(&preface);
	}
}

/* --- looking --------------------------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct arrival *a = container_of(poll, struct arrival, poll);
	static const struct err gone = { ERR_UNAVAILABLE, "closed before it said what it wants" };
	static const struct err unknown = { ERR_INVALID, "speaks neither SSH nor a preface" };
	uint8_t data[PEEK_MAX];
	ssize_t len;

	(void)events;
	len = status == 0 ? recv(a->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT) : 0;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < (ssize_t)a->needed)
		refuse(a, &gone); /* SO_RCVLOWAT: fewer come only with the end */
	else if (memcmp(data, "SSH-", 4) == 0)
		serve_ssh(a);
	else if (memcmp(data, PREFACE_MAGIC, PREFACE_MAGIC_SIZE) == 0)
		look_at_preface(a, data, (size_t)len);
	else
		refuse(a, &unknown);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no first bytes came" };

	refuse(owner, &late);
}

static int arrive(struct port *p, struct stream *stream, struct err *err)
{
	struct arrival *a = calloc(1, sizeof(*a));
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);

	if (a == NULL)
		return err_set_nomem(err);
	list_init(&a->link);
	a->port = p;
	a->stream = stream;
	if (getpeername(stream_fd(stream), (struct sockaddr *)&from, &len) != 0 ||
	    tally_add(p->silent, (struct sockaddr *)&from, &a->counted, err) != 0) {
		free(a);
		return err->code != 0 ? err->code : err_set(err, ERR_IO, "it is gone already");
	}
	str_copy(a->client, sizeof(a->client), stream_peer(stream));
	a->deadline = timer_new(p->n->loop, on_deadline, a);
	a->fd = fcntl(stream_fd(stream), F_DUPFD_CLOEXEC, 3);
	if (a->deadline == NULL || a->fd < 0 || uv_poll_init(p->n->loop, &a->poll, a->fd) != 0) {
		tally_remove(a->counted);
		timer_free(a->deadline);
		if (a->fd >= 0)
			close(a->fd);
		free(a);
		return err_set(err, ERR_IO, "look at a connection");
	}
	list_append(&p->arrivals, &a->link);
	need(a, FIRST_BYTES);
	timer_once(a->deadline, FIRST_BYTES_MS);
	uv_poll_start(&a->poll, UV_READABLE, on_readable);
	return 0;
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct err err = { 0 };

	if (arrive(owner, take_stream, &err) == 0)
		return;
	log_warn("connection refused", kv("addr", stream_peer(take_stream)), kv("reason", err.msg));
	stream_reset(take_stream, &err);
}

static void on_refuse(void *owner, const struct err *err)
{
	(void)owner;
	log_warn("connection refused", kv("reason", err->msg));
}

/* --- the port -------------------------------------------------------------------------------- */

int port_open(struct noded *n, struct port **out, struct err *err)
{
	static const struct listen_handler handler = { on_accept, on_refuse };
	/* Proxies bring many clients from one address; conn counts by the client's own. */
	const struct listen_limits limits = { .max = (unsigned)n->conf.max_connections };
	struct port *p = calloc(1, sizeof(*p));
	char addr[300];

	if (p == NULL)
		return err_set_nomem(err);
	p->n = n;
	list_init(&p->arrivals);
	*out = p;
	p->silent = tally_new(limits.max, SILENT_MAX);
	p->wrong = strikes_new(WRONG_MAX, WRONG_MS);
	p->listen = listen_new(n->loop, &limits, &handler, p);
	if (p->silent == NULL || p->wrong == NULL || p->listen == NULL)
		return err_set_nomem(err);
	snprintf(addr, sizeof(addr), strchr(n->conf.listen.host, ':') != NULL ? "[%s]:%s" : "%s:%s",
	         n->conf.listen.host, n->conf.listen.port);
	return listen_add(p->listen, addr, err);
}

void port_close(struct port *p)
{
	static const struct err over = { ERR_UNAVAILABLE, "the node is shutting down" };

	if (p == NULL)
		return;
	listen_free(p->listen);
	while (!list_empty(&p->arrivals))
		refuse(container_of(p->arrivals.next, struct arrival, link), &over);
	tally_unref(p->silent);
	strikes_free(p->wrong);
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

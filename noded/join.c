#include "noded/join.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "daemon/host.h"
#include "loop/dial.h"
#include "loop/splice.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "model/trust.h"
#include "noded/join_decide.h"
#include "noded/noded.h"
#include "noded/report.h"
#include "noded/session.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/grpc.h"

#include "proto/dial.fields.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOINS_MAX    1000
#define HANDSHAKE_MS 15000
#define MESSAGE_MS   10000
#define DIAL_MS      5000
#define MESSAGE_MAX  4096
#define LOOK_MS      (3600 * 1000LL) /* wall clocks jump: look again at least this often */

/*
 *   SECURING --certificate--> ASKED --SessionJoin, allowed--> REACHING --supervisor--> JOINED
 *       \______________________/\______________________________/\-> ENDING (answer sent)
 */
enum join_state { JOIN_SECURING, JOIN_ASKED, JOIN_REACHING, JOIN_JOINED, JOIN_ENDING };

struct join {
	struct list link;
	struct join_port *port;
	enum join_state state;
	struct stream *user;    /* ours until JOINED; NULL: gone */
	struct dial *dial;      /* while REACHING */
	struct splice *splice;  /* while JOINED */
	struct timer *deadline; /* of the message; then the certificate's end, if it counts */
	pv_Identity identity;
	pv_SessionJoin wish;
	char *login; /* of the session, from REACHING on */
	char client[STREAM_PEER_SIZE];
	int64_t end; /* ms since 1970 */
};

struct join_port {
	struct noded *n; /* NULL: closed, joins are still leaving */
	struct tls_conf *tls;
	struct list joins;
	unsigned count;
};

/* --- ends ------------------------------------------------------------------------------------ */

static void port_free_if_empty(struct join_port *p)
{
	if (p->n != NULL || !list_empty(&p->joins))
		return;
	tls_conf_unref(p->tls);
	free(p);
}

/* When neither the stream, the dial nor the splice is left. */
static void join_free(struct join *j)
{
	struct join_port *p = j->port;

	list_remove(&j->link);
	p->count--;
	timer_free(j->deadline);
	identity_deinit(&j->identity);
	fields_release(&pv_SessionJoin_table, &j->wish);
	free(j->login);
	free(j);
	port_free_if_empty(p);
}

static struct join_wish wish_of(const struct join *j)
{
	return (struct join_wish){ &j->identity, j->client, j->wish.session_id, j->wish.mode };
}

static int answer(struct join *j, const struct err *why, struct err *err)
{
	pv_DialResponse response = {
		.code = why != NULL ? grpc_from_err(why->code) : 0,
		.message = why != NULL ? (char *)(uintptr_t)why->msg : NULL,
		.server_time = clock_wall_ms(j->port->n->clock),
	};
	struct buf bytes = { 0 };
	int rc = framing_append(&pv_DialResponse_table, &response, MESSAGE_MAX, &bytes, err);

	if (rc == 0)
		stream_write_buf(j->user, &bytes);
	buf_deinit(&bytes);
	return rc;
}

static void refuse(struct join *j, const struct err *why)
{
	struct noded *n = j->port->n;
	struct err ignored = { 0 };

	log_info("join refused", kv("user", j->identity.user), kv("client", j->client),
	         kv("sid", j->wish.session_id), kv("reason", why->msg));
	if (j->identity.user != NULL)
		report_refusal(n, j->identity.user, NULL, j->client, why->msg);
	j->state = JOIN_ENDING;
	timer_stop(j->deadline);
	answer(j, why, &ignored);
	stream_close(j->user);
}

/* --- JOINED ---------------------------------------------------------------------------------- */

static void tell_joined(struct join *j, const struct session *s)
{
	log_info("session joined", kv("sid", s->sid), kv("user", j->identity.user),
	         kv("mode", j->wish.mode), kv("client", j->client));
	report_joined(j->port->n, s, j->identity.user);
}

/* The session may have ended, and be forgotten, by now. */
static void tell_left(const struct join *j)
{
	log_info("session left", kv("sid", j->wish.session_id), kv("user", j->identity.user),
	         kv("client", j->client));
	report_left(j->port->n, j->wish.session_id, j->login, j->identity.user);
}

static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	struct join *j = owner;

	(void)count;
	(void)err;
	j->splice = NULL;
	if (j->port->n != NULL) /* else it was told at once */
		tell_left(j);
	join_free(j);
}

static void wait_for_end(struct join *j)
{
	int64_t wait = j->end - clock_wall_ms(j->port->n->clock);

	timer_stop(j->deadline);
	if (j->end != 0)
		timer_once(j->deadline, wait > LOOK_MS ? LOOK_MS : wait > 0 ? wait : 0);
}

static void recheck(struct join *j)
{
	const struct join_wish wish = wish_of(j);
	struct err err = { 0 };

	if (join_decide_again(j->port->n, &wish, &j->end, &err) == 0) {
		wait_for_end(j);
		return;
	}
	log_info("join ended", kv("sid", j->wish.session_id), kv("user", j->identity.user),
	         kv("reason", err.msg));
	report_disconnect(j->port->n, j->identity.user, NULL, j->client, j->wish.session_id,
	                  err.msg);
	j->state = JOIN_ENDING;
	timer_stop(j->deadline);
	splice_cancel(j->splice, &err);
}

void join_recheck(struct join_port *p)
{
	for (struct list *at = p->joins.next; at != &p->joins; at = at->next) {
		struct join *j = container_of(at, struct join, link);

		if (j->state == JOIN_JOINED)
			recheck(j);
	}
}

/* --- REACHING -------------------------------------------------------------------------------- */

static int greet(struct join *j, struct stream *supervisor, struct err *err)
{
	pv_JoinStart start = {
		.user = j->identity.user,
		.mode = j->wish.mode,
		.columns = j->wish.columns,
		.rows = j->wish.rows,
	};
	struct buf bytes = { 0 };
	int rc = framing_append(&pv_JoinStart_table, &start, MESSAGE_MAX, &bytes, err);

	if (rc == 0)
		stream_write_buf(supervisor, &bytes);
	buf_deinit(&bytes);
	return rc;
}

/* Roles may have changed while the supervisor was reached. */
static int go_on(struct join *j, struct stream *take_supervisor, struct err *err)
{
	struct noded *n = j->port->n;
	const struct join_wish wish = wish_of(j);
	int rc = join_decide(n, &wish, &j->end, err);

	if (rc == 0)
		rc = session_joined(n, session_find(n, wish.session_id), j->identity.user, err);
	if (rc == 0)
		rc = greet(j, take_supervisor, err);
	if (rc == 0)
		rc = answer(j, NULL, err);
	if (rc == 0)
		j->splice = splice_start(j->user, take_supervisor, on_spliced, j);
	if (rc == 0 && j->splice == NULL)
		rc = err_set_nomem(err);
	if (rc != 0)
		stream_reset(take_supervisor, err);
	return rc;
}

static void on_reached(void *owner, struct stream *take_stream, const struct err *why)
{
	struct join *j = owner;
	struct err err = { 0 };

	j->dial = NULL;
	if (j->user == NULL || j->port->n == NULL) {
		if (take_stream != NULL)
			stream_reset(take_stream, NULL);
		if (j->user == NULL)
			join_free(j);
		return;
	}
	if (why != NULL)
		err_set(&err, ERR_UNAVAILABLE, "the session cannot be reached: %s", why->msg);
	else
		go_on(j, take_stream, &err);
	if (err.code != 0) {
		refuse(j, &err);
		return;
	}
	j->state = JOIN_JOINED;
	j->user = NULL; /* the splice's */
	wait_for_end(j);
	tell_joined(j, session_find(j->port->n, j->wish.session_id));
}

static int reach(struct join *j, struct err *err)
{
	const struct noded *n = j->port->n;
	const struct join_wish wish = wish_of(j);
	char addr[PATH_MAX];

	if (join_decide(n, &wish, &j->end, err) != 0)
		return err->code;
	j->login = strdup(session_find(n, wish.session_id)->login);
	if (j->login == NULL)
		return err_set_nomem(err);
	snprintf(addr, sizeof(addr), "unix:%s/sessions/%s.sock", n->conf.run_dir, wish.session_id);
	return dial_start(n->loop, addr, DIAL_MS, on_reached, j, &j->dial, err);
}

/* --- SECURING, ASKED ------------------------------------------------------------------------- */

static int identify(struct join *j, const struct tls_peer *tls, struct err *err)
{
	const struct noded *n = j->port->n;
	struct peer peer = { 0 };

	if (trust_tls_peer(host_trust(n->host), tls, j->client, clock_wall_ms(n->clock), &peer,
	                   err) != 0)
		return err->code;
	if (peer.kind != PEER_USER) {
		peer_deinit(&peer);
		return err_set(err, ERR_UNAUTHENTICATED, "not a person's certificate");
	}
	j->identity = peer.identity;
	return 0;
}

static void on_secure(void *owner, struct stream *s)
{
	struct join *j = owner;
	const struct tls_peer *peer = tls_peer(stream_tls(s));
	struct err err = { 0 };

	j->state = JOIN_ASKED;
	if (identify(j, peer, &err) != 0)
		refuse(j, &err);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct join *j = owner;
	struct err err = { 0 };
	size_t used = 0;
	int rc;

	if (j->state != JOIN_ASKED)
		return j->state == JOIN_REACHING ? 0 : len;
	rc = framing_decode(&pv_SessionJoin_table, data, len, MESSAGE_MAX, &j->wish, &used, &err);
	if (rc == 0 && used == 0)
		return 0;
	timer_stop(j->deadline);
	if (rc == 0)
		rc = reach(j, &err);
	if (rc != 0) {
		refuse(j, &err);
		return len;
	}
	j->state = JOIN_REACHING;
	stream_pause(s); /* what follows is the supervisor's */
	return used;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct join *j = owner;

	(void)s;
	if (err != NULL)
		log_info("join failed", kv("client", j->client), kv("reason", err->msg));
	j->user = NULL;
	if (j->dial != NULL)
		dial_cancel(j->dial); /* on_reached frees */
	else
		join_free(j);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no request came in time" };
	struct join *j = owner;

	if (j->state == JOIN_JOINED)
		recheck(j);
	else
		refuse(j, &late);
}

static int begin(struct join *j, struct stream *stream, struct err *err)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_secure = on_secure,
		.on_close = on_close,
	};
	struct noded *n = j->port->n;
	struct tls *tls;

	if (j->port->count >= JOINS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d joins", JOINS_MAX);
	j->deadline = timer_new(n->loop, on_deadline, j);
	if (j->deadline == NULL)
		return err_set_nomem(err);
	if (tls_new(j->port->tls, NULL, &tls, err) != 0) {
		timer_free(j->deadline);
		return err->code;
	}
	j->user = stream;
	list_append(&j->port->joins, &j->link);
	j->port->count++;
	timer_once(j->deadline, HANDSHAKE_MS + MESSAGE_MS);
	stream_attach(stream, &handler, j);
	stream_start_tls(stream, tls, n->handshakes, HANDSHAKE_MS);
	return 0;
}

void join_serve(struct join_port *p, struct stream *take_stream, const char *client)
{
	struct join *j = calloc(1, sizeof(*j));
	struct err err = { 0 };

	if (j == NULL) {
		err_set_nomem(&err);
	} else {
		j->port = p;
		list_init(&j->link);
		str_copy(j->client, sizeof(j->client), client);
		begin(j, take_stream, &err);
	}
	if (err.code == 0)
		return;
	log_warn("join refused", kv("client", client), kv("reason", err.msg));
	stream_reset(take_stream, &err);
	free(j);
}

/* --- the port -------------------------------------------------------------------------------- */

int join_port_reload(struct join_port *p, struct err *err)
{
	const struct credentials *c = host_credentials(p->n->host);
	const struct tls_own own = { (const struct x509 *const *)c->parts.server_chain,
		                     c->parts.server_chain_len, c->tls_key };
	const struct tls_conf_spec spec = {
		.role = TLS_SERVER,
		.service = "noded-join",
		.clock = p->n->clock,
		.own = &own,
		.own_count = 1,
		.trust = trust_clients(host_trust(p->n->host)),
		.client_auth = TLS_AUTH_REQUIRED,
	};
	struct tls_conf *fresh = NULL;

	if (tls_conf_new(&spec, &fresh, err) != 0)
		return err->code;
	tls_conf_unref(p->tls);
	p->tls = fresh;
	return 0;
}

int join_port_open(struct noded *n, struct join_port **out, struct err *err)
{
	struct join_port *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->n = n;
	list_init(&p->joins);
	if (join_port_reload(p, err) != 0) {
		free(p);
		return err->code;
	}
	*out = p;
	return 0;
}

static void end(struct join *j)
{
	static const struct err over = { ERR_UNAVAILABLE, "the node is shutting down" };

	timer_stop(j->deadline);
	if (j->splice != NULL)
		tell_left(j);
	if (j->splice != NULL)
		splice_cancel(j->splice, &over);
	else if (j->user != NULL)
		stream_reset(j->user, &over);
}

void join_port_close(struct join_port *p)
{
	if (p == NULL)
		return;
	for (struct list *at = p->joins.next; at != &p->joins; at = at->next)
		end(container_of(at, struct join, link));
	p->n = NULL;
	port_free_if_empty(p);
}

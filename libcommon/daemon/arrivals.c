#include "daemon/arrivals.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "crypto/tls.h"
#include "loop/admission.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "wire/preface.h"

#include <stdlib.h>
#include <string.h>

#define SHAKING_AT_ONCE  512
#define SHAKING_PER_ADDR 64
#define THREADS          2 /* of the pool that compute at the same time */
#define FIRST_BYTES_MS   10000
#define TURN_MS          25000 /* our clients have 30 s for all of it */
#define HANDSHAKE_MS     15000
#define LOG_EVERY_MS     1000 /* one line for all that are cut for want of room */

struct arrivals {
	struct arrivals_conf conf;
	struct admission *admission;
	struct work_pool *handshakes;
	struct forwarded *forwarded;
	struct tls_conf *tls;
	struct timer *log_due;
	struct list list; /* struct arrival */
	uint64_t cut;
	uint64_t cut_logged;
	uint64_t verified;
	uint64_t resumed;
	struct err why; /* the last one was cut */
};

enum state { LISTENING, WAITING, SHAKING };

struct arrival {
	struct list link;
	struct arrivals *all;
	struct admission_guest guest;
	enum state state;
	struct stream *stream;
	struct timer *deadline;         /* until SHAKING; the handshake has its own */
	struct forwarded_client client; /* as a proxy's preface told */
};

static void arrival_free(struct arrival *at)
{
	list_remove(&at->link);
	admission_leave(&at->guest);
	timer_free(at->deadline);
	free(at);
}

/* --- who is turned away ---------------------------------------------------------------------- */

static void refuse(struct arrival *at, const struct err *err)
{
	log_info("connection refused", kv("peer", stream_peer(at->stream)), kv("error", err->msg));
	stream_reset(at->stream, err);
}

static void log_cut(void *owner)
{
	struct arrivals *all = owner;

	if (all->cut == all->cut_logged)
		return;
	log_warn("connections cut", kv("count", all->cut - all->cut_logged),
	         kv("error", all->why.msg));
	all->cut_logged = all->cut;
	timer_once(all->log_due, LOG_EVERY_MS);
}

/* For want of room: counted, and told in one line each second. */
static void cut(struct arrivals *all, struct stream *s, const struct err *why)
{
	all->cut++;
	all->why = *why;
	stream_reset(s, NULL);
	if (!timer_active(all->log_due))
		log_cut(all);
}

/* --- handshake ------------------------------------------------------------------------------- */

static void shake_hands(struct arrival *at)
{
	struct tls *tls;
	struct err err;

	at->state = SHAKING;
	timer_stop(at->deadline);
	if (tls_new(at->all->tls, NULL, &tls, &err) != 0)
		refuse(at, &err);
	else
		stream_start_tls(at->stream, tls, at->all->handshakes, HANDSHAKE_MS);
}

static void on_turn(struct admission_guest *g)
{
	shake_hands(container_of(g, struct arrival, guest));
}

static void queue_up(struct arrival *at)
{
	at->state = WAITING;
	if (admission_enter(&at->guest))
		shake_hands(at);
	else
		timer_once(at->deadline, TURN_MS);
}

/* --- first bytes ----------------------------------------------------------------------------- */

/* Looks at the preface; TLS follows behind it. Returns the bytes it used. */
static size_t take_preface(struct arrival *at, const uint8_t *data, size_t len)
{
	struct err err;
	size_t used;

	if (forwarded_take(at->all->forwarded, data, len, stream_peer(at->stream), &at->client,
	                   &used, &err) != 0) {
		refuse(at, &err);
		return len;
	}
	if (used == 0)
		return 0;
	if (admission_rename(&at->guest, at->client.addr, &err) != 0)
		cut(at->all, at->stream, &err);
	else
		queue_up(at);
	return used;
}

/* Whoever waits has said enough; TLS will be given all of it. */
static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct arrival *at = owner;
	size_t compare = len < PREFACE_MAGIC_SIZE ? len : PREFACE_MAGIC_SIZE;

	(void)s;
	if (at->state != LISTENING)
		return 0;
	if (memcmp(data, PREFACE_MAGIC, compare) != 0) {
		queue_up(at);
		return 0;
	}
	return compare < PREFACE_MAGIC_SIZE ? 0 : take_preface(at, data, len);
}

static void on_secure(void *owner, struct stream *s)
{
	struct arrival *at = owner;
	const struct forwarded_client *client = at->client.addr[0] != 0 ? &at->client : NULL;

	if (tls_peer(stream_tls(s))->resumed)
		at->all->resumed++;
	else
		at->all->verified++;
	at->all->conf.on_secure(at->all->conf.ctx, s, client);
	arrival_free(at);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	if (err != NULL)
		log_info("connection failed", kv("peer", stream_peer(s)), kv("error", err->msg));
	arrival_free(owner);
}

static void on_deadline(void *owner)
{
	struct arrival *at = owner;
	struct err err;

	if (at->state == LISTENING) {
		err_set(&err, ERR_TIMEOUT, "nothing was said");
		refuse(at, &err);
		return;
	}
	err_set(&err, ERR_LIMIT, "too many handshakes are before it");
	cut(at->all, at->stream, &err);
}

/* --- coming and going ------------------------------------------------------------------------ */

static int arrival_new(struct arrivals *all, struct stream *s, struct arrival **out,
                       struct err *err)
{
	struct arrival *at = calloc(1, sizeof(*at));

	if (at == NULL)
		return err_set_nomem(err);
	at->all = all;
	at->stream = s;
	at->guest.enter = on_turn;
	list_append(&all->list, &at->link);
	at->deadline = timer_new(all->conf.loop, on_deadline, at);
	if (at->deadline == NULL)
		err_set_nomem(err);
	else if (admission_arrive(all->admission, &at->guest, stream_peer(s), err) == 0) {
		*out = at;
		return 0;
	}
	arrival_free(at);
	return err->code;
}

void arrivals_take(struct arrivals *all, struct stream *take_stream)
{
	static const struct stream_handler handler = {
		.on_data = on_data,
		.on_secure = on_secure,
		.on_close = on_close,
	};
	struct arrival *at = NULL;
	struct err err;

	if (arrival_new(all, take_stream, &at, &err) != 0) {
		cut(all, take_stream, &err);
		return;
	}
	timer_once(at->deadline, FIRST_BYTES_MS);
	stream_attach(take_stream, &handler, at);
}

void arrivals_set_conf(struct arrivals *all, struct tls_conf *conf)
{
	tls_conf_unref(all->tls);
	all->tls = tls_conf_ref(conf);
}

struct arrivals_figures arrivals_figures(const struct arrivals *all)
{
	return (struct arrivals_figures){
		.waiting = admission_waiting(all->admission),
		.cut = all->cut,
		.verified = all->verified,
		.resumed = all->resumed,
	};
}

struct arrivals *arrivals_new(const struct arrivals_conf *conf)
{
	const struct admission_limits limits = {
		.inside = SHAKING_AT_ONCE,
		.inside_per_addr = SHAKING_PER_ADDR,
		.guests = conf->guests,
		.guests_per_addr = (conf->guests + 1) / 2,
	};
	struct arrivals *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->conf = *conf;
	list_init(&all->list);
	all->admission = admission_new(&limits);
	/* Each that shakes hands has one piece of work at most, so the line never is too short. */
	all->handshakes = work_pool_new(conf->loop, THREADS, SHAKING_AT_ONCE);
	all->forwarded = forwarded_new(&conf->forwarded);
	all->log_due = timer_new(conf->loop, log_cut, all);
	if (all->admission != NULL && all->handshakes != NULL && all->forwarded != NULL &&
	    all->log_due != NULL)
		return all;
	arrivals_free(all);
	return NULL;
}

/* From the end, so that hardly anybody has a turn meanwhile. */
static void drop_all(struct arrivals *all)
{
	static const struct stream_handler nobody = { 0 };

	while (!list_empty(&all->list)) {
		struct arrival *at = container_of(all->list.prev, struct arrival, link);

		stream_attach(at->stream, &nobody, NULL);
		stream_reset(at->stream, NULL);
		arrival_free(at);
	}
}

void arrivals_free(struct arrivals *all)
{
	if (all == NULL)
		return;
	drop_all(all);
	timer_free(all->log_due);
	admission_free(all->admission);
	if (all->handshakes != NULL)
		work_pool_free(all->handshakes);
	forwarded_free(all->forwarded);
	tls_conf_unref(all->tls);
	free(all);
}

#include "proxyd/front.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/pin.h"
#include "crypto/tls.h"
#include "daemon/forwarded.h"
#include "loop/admission.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "proxyd/door.h"
#include "proxyd/passthrough.h"
#include "proxyd/proxyd.h"
#include "proxyd/stream_dial.h"
#include "proxyd/tls.h"
#include "proxyd/tunnel/relay.h"
#include "proxyd/tunnel/table.h"
#include "proxyd/web.h"
#include "tunnel/relay_request.h"
#include "tunnel/tunnel.h"
#include "wire/preface.h"
#include "wire/sniff.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES_MS 10000
#define TURN_MS        20000
#define HANDSHAKE_MS   10000

enum state { LISTENING, WAITING, SHAKING };

struct front {
	struct proxyd *p;
	struct admission_guest guest;
	enum state state;
	bool pinned;    /* the client trusts by pin */
	bool forwarded; /* by another cluster's proxy */
	struct stream *stream;
	struct timer *deadline; /* for the first bytes and its turn; the handshake has its own */
};

static void front_free(struct front *f)
{
	admission_leave(&f->guest);
	timer_free(f->deadline);
	free(f);
}

/* The stream is another's from here on; our bookkeeping goes, and hears nothing of a failure. */
static struct stream *let_go(struct front *f)
{
	static const struct stream_handler nobody = { 0 };
	struct stream *s = f->stream;

	stream_attach(s, &nobody, NULL);
	front_free(f);
	return s;
}

static void hand_over(struct front *f, void (*serve)(struct proxyd *, struct stream *))
{
	struct proxyd *p = f->p;

	serve(p, let_go(f));
}

static void pass_on(struct front *f, const char *server_name)
{
	struct proxyd *p = f->p;

	passthrough_serve(p, let_go(f), server_name);
}

/* Who trusts by pin says so and is shown the host certificate, never the web's. */
static void shake_hands(struct front *f)
{
	struct tls *tls = NULL;
	struct err err = { 0 };

	f->state = SHAKING;
	if (tls_new(f->pinned ? f->p->pinned_tls : f->p->public_tls, NULL, &tls, &err) != 0) {
		stream_reset(f->stream, &err);
		return;
	}
	timer_stop(f->deadline);
	stream_start_tls(f->stream, tls, f->p->handshakes, HANDSHAKE_MS);
}

static void on_turn(struct admission_guest *g)
{
	shake_hands(container_of(g, struct front, guest));
}

static void queue_up(struct front *f, const struct sniff *hello)
{
	f->pinned = sniff_offers(hello, PIN_ALPN);
	f->state = WAITING;
	if (admission_enter(&f->guest))
		shake_hands(f);
	else
		timer_once(f->deadline, TURN_MS);
}

/* A ClientHello. Who comes from another cluster gets to what is here, and to no third one. */
static void serve_tls(struct front *f, const struct sniff *hello)
{
	if (passthrough_wants(f->p, hello->server_name, f->forwarded))
		pass_on(f, hello->server_name);
	else
		queue_up(f, hello);
}

static void look(struct front *f, const uint8_t *data, size_t len)
{
	static const struct err unknown = { ERR_INVALID, "speaks neither TLS nor SSH" };
	struct sniff seen;

	switch (sniff(&seen, data, len)) {
	case SNIFF_MORE:
		return;
	case SNIFF_TLS:
		serve_tls(f, &seen);
		return;
	case SNIFF_SSH:
		if (!f->forwarded) {
			hand_over(f, door_serve_client);
			return;
		}
		break;
	default:
		break;
	}
	stream_reset(f->stream, &unknown);
}

static bool begins_preface(const uint8_t *data, size_t len)
{
	size_t seen = len < PREFACE_MAGIC_SIZE ? len : PREFACE_MAGIC_SIZE;

	return seen > 0 && memcmp(data, PREFACE_MAGIC, seen) == 0;
}

/* How much of it is a preface that holds; from then on the client is who it names. */
static size_t take_preface(struct front *f, const uint8_t *data, size_t len)
{
	struct forwarded_client client = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	if (forwarded_take(f->p->forwarded, data, len, stream_peer(f->stream), &client, &used,
	                   &err) != 0) {
		stream_reset(f->stream, &err);
		return 0;
	}
	if (used == 0)
		return 0;
	f->forwarded = true;
	stream_set_peer(f->stream, client.addr);
	if (admission_rename(&f->guest, client.addr, &err) != 0)
		stream_reset(f->stream, &err);
	else
		look(f, data + used, len - used);
	return used;
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct front *f = owner;

	(void)s;
	if (f->state != LISTENING)
		return 0; /* it has said enough; TLS will be given all of it */
	if (!f->forwarded && begins_preface(data, len))
		return take_preface(f, data, len);
	look(f, data, len);
	return 0;
}

static void on_secure(void *owner, struct stream *s)
{
	struct front *f = owner;
	const char *alpn = tls_peer(stream_tls(s))->alpn;

	if (str_eq(alpn, STREAM_DIAL_ALPN))
		hand_over(f, stream_dial_serve);
	else if (str_eq(alpn, TUNNEL_ALPN))
		hand_over(f, tunnels_serve);
	else if (str_eq(alpn, RELAY_ALPN))
		hand_over(f, relay_serve);
	else
		hand_over(f, web_serve);
}

static void on_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	if (err != NULL)
		log_info("connection refused", kv("addr", stream_peer(s)), kv("reason", err->msg));
	front_free(owner);
}

static void on_deadline(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no first bytes came" };
	static const struct err crowded = { ERR_LIMIT, "too many handshakes are before it" };
	struct front *f = owner;

	stream_reset(f->stream, f->state == LISTENING ? &late : &crowded);
}

/* NULL: memory runs out, or the admission's bounds, which the port's own are never above. */
static struct front *front_new(struct proxyd *p, struct stream *s)
{
	struct front *f = calloc(1, sizeof(*f));
	struct err ignored;

	if (f == NULL)
		return NULL;
	f->p = p;
	f->stream = s;
	f->guest.enter = on_turn;
	f->deadline = timer_new(p->loop, on_deadline, f);
	if (f->deadline != NULL &&
	    admission_arrive(p->admission, &f->guest, stream_peer(s), &ignored) == 0)
		return f;
	front_free(f);
	return NULL;
}

void front_serve(struct proxyd *p, struct stream *take_stream)
{
	static const struct stream_handler handler = {
		.on_data = on_data, .on_end = on_end, .on_secure = on_secure, .on_close = on_close
	};
	struct front *f = front_new(p, take_stream);

	if (f == NULL) {
		stream_reset(take_stream, NULL);
		return;
	}
	timer_once(f->deadline, FIRST_BYTES_MS);
	stream_attach(take_stream, &handler, f);
}

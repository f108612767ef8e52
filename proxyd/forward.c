#include "proxyd/forward.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/host.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "proxyd/proxyd.h"
#include "wire/preface.h"

#include <stdlib.h>
#include <string.h>

#define MOMENT_MS 100

struct forward {
	struct proxyd *p;
	struct dial *dial;   /* NULL: REFUSED */
	struct timer *again; /* runs while REFUSED */
	char *addr;
	int64_t patience_ms; /* what is left of it */
	bool canceled;
	struct buf preface;
	forward_cb cb;
	void *owner;
};

static void forward_free(struct forward *f)
{
	timer_free(f->again);
	buf_deinit(&f->preface);
	free(f->addr);
	free(f);
}

static void finish(struct forward *f, struct stream *take_stream, const struct err *err)
{
	f->cb(f->owner, take_stream, err);
	forward_free(f);
}

static void on_dialled(void *owner, struct stream *take_stream, const struct err *err)
{
	struct forward *f = owner;

	f->dial = NULL;
	if (take_stream != NULL)
		stream_write_buf(take_stream, &f->preface);
	if (err != NULL && err->code == ERR_UNAVAILABLE && f->patience_ms > 0) {
		f->patience_ms -= MOMENT_MS;
		log_debug("forward", "not reached, tried again", kv("reason", err->msg));
		timer_once(f->again, MOMENT_MS);
		return;
	}
	finish(f, take_stream, err);
}

static int dial(struct forward *f, struct err *err)
{
	return dial_start(f->p->loop, f->addr, (unsigned)f->p->conf.dial_timeout, on_dialled, f,
	                  &f->dial, err);
}

static void on_again(void *owner)
{
	static const struct err canceled = { ERR_CANCELED, "canceled" };
	struct forward *f = owner;
	struct err err = { 0 };

	if (f->canceled)
		finish(f, NULL, &canceled);
	else if (dial(f, &err) != 0)
		finish(f, NULL, &err);
}

static int sign(struct proxyd *p, const pv_PrefacePayload *payload, struct buf *out,
                struct err *err)
{
	const struct credentials *c = host_credentials(p->host);
	pv_PrefacePayload full = *payload;

	full.time = clock_wall_ms(p->clock);
	return preface_append(&full, c->tls_key, (const struct x509 *const *)c->parts.chain,
	                      c->parts.chain_len, out, err);
}

int forward_start(struct proxyd *p, const char *addr, const pv_PrefacePayload *payload,
                  forward_cb cb, void *owner, struct forward **out, struct err *err)
{
	struct forward *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return err_set_nomem(err);
	f->p = p;
	f->cb = cb;
	f->owner = owner;
	f->patience_ms = p->conf.dial_timeout < FORWARD_PATIENCE_MS ? p->conf.dial_timeout
	                                                            : FORWARD_PATIENCE_MS;
	f->addr = strdup(addr);
	f->again = timer_new(p->loop, on_again, f);
	rc = f->addr != NULL && f->again != NULL ? sign(p, payload, &f->preface, err)
	                                         : err_set_nomem(err);
	if (rc == 0)
		rc = dial(f, err);
	if (rc != 0) {
		forward_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

void forward_hurry(struct forward *f)
{
	f->patience_ms = 0;
}

void forward_cancel(struct forward *f)
{
	if (f == NULL)
		return;
	f->canceled = true;
	if (f->dial != NULL)
		dial_cancel(f->dial);
	else
		timer_once(f->again, 0);
}

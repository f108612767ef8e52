#include "proxyd/forward.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "daemon/host.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "proxyd/proxyd.h"
#include "wire/preface.h"

#include <stdlib.h>

struct forward {
	struct dial *dial;
	struct buf preface;
	forward_cb cb;
	void *owner;
};

static void forward_free(struct forward *f)
{
	buf_deinit(&f->preface);
	free(f);
}

static void on_dialled(void *owner, struct stream *take_stream, const struct err *err)
{
	struct forward *f = owner;

	if (take_stream != NULL)
		stream_write_buf(take_stream, &f->preface);
	f->cb(f->owner, take_stream, err);
	forward_free(f);
}

static int sign(struct proxyd *p, const pv_PrefacePayload *payload, struct buf *out,
                struct err *err)
{
	const struct credentials *c = host_credentials(p->host);
	pv_PrefacePayload full = *payload;

	full.time = clock_wall_ms(p->clock);
	return preface_append(&full, c->tls_key, (const struct x509 *const *)c->chain, c->chain_len,
	                      out, err);
}

int forward_start(struct proxyd *p, const char *addr, const pv_PrefacePayload *payload,
                  forward_cb cb, void *owner, struct forward **out, struct err *err)
{
	struct forward *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return err_set_nomem(err);
	f->cb = cb;
	f->owner = owner;
	rc = sign(p, payload, &f->preface, err);
	if (rc == 0)
		rc = dial_start(p->loop, addr, (unsigned)p->conf.dial_timeout, on_dialled, f,
		                &f->dial, err);
	if (rc != 0) {
		forward_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

void forward_cancel(struct forward *f)
{
	if (f != NULL)
		dial_cancel(f->dial);
}

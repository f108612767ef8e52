#include "daemon/host_inside.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "loop/timer.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/auth.service.h"

#include <stdlib.h>

#define RETRY_MS     (60 * 1000)
#define RETRY_MIN_MS 1000
#define CALL_MS      (30 * 1000)
#define WAIT_MAX     (12 * 3600 * 1000LL) /* looks again at least this often */

/* A renewal under way; outlives the host until its callback. */
struct renewal {
	struct host *owner; /* NULL: the host is gone */
	struct rpc_stream *call;
};

/* --- when ------------------------------------------------------------------------------------ */

static int64_t spread_of(const struct host *h)
{
	const pv_CertAuthority *ca = credentials_authority(&h->creds.answer, "host");
	int64_t spread = ca != NULL ? ca->spec.rotation.spread : 0;

	return spread > 0 && spread < WAIT_MAX ? spread : 0;
}

/* Certificates of a key that nobody trusts cannot wait; those of a phase that is over can, so
 * that not everybody comes at once. */
static void note_unfit(struct host *h, int64_t now)
{
	if (h->creds.parts.fits)
		h->unfit_due = 0;
	else if (!h->creds.parts.trusted)
		h->unfit_due = now;
	else if (h->unfit_due == 0)
		h->unfit_due = now + rand_below((uint32_t)spread_of(h) + 1);
}

/* When two thirds of the certificate's life are gone, or a rotation wants it earlier. */
static int64_t due_ms(const struct host *h)
{
	int64_t life = h->creds.not_after_ms - h->creds.not_before_ms;
	int64_t due = h->creds.not_after_ms - life / 3;

	return h->unfit_due != 0 && h->unfit_due < due ? h->unfit_due : due;
}

/* Wall clocks jump, so a long wait is cut into pieces and looked at again. */
void host_renew_plan(struct host *h)
{
	int64_t now = clock_wall_ms(h->conf.clock);
	int64_t wait;

	if (h->renew == NULL || h->renewing != NULL)
		return;
	note_unfit(h, now);
	wait = due_ms(h) - now;
	if (wait > WAIT_MAX)
		wait = WAIT_MAX;
	if (wait > 0 && h->unfit_due == 0)
		wait += rand_below(1000);
	timer_once(h->renew, wait > 0 ? wait : 0);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* In a rotation the next try comes soon enough for the phase. */
static int64_t retry_ms(const struct host *h)
{
	int64_t wait = spread_of(h) / 4;

	if (h->creds.parts.fits || wait > RETRY_MS)
		return RETRY_MS;
	return wait < RETRY_MIN_MS ? RETRY_MIN_MS : wait;
}

static void failed(struct host *h, const struct err *why)
{
	struct err err = *why;

	err_wrap(&err, "renew certificates");
	h->conf.on_change(h->conf.ctx, &err);
	timer_once(h->renew, rand_jitter(retry_ms(h)));
}

static void on_renewed(void *ctx, const void *response, const struct err *why)
{
	struct renewal *r = ctx;
	struct host *h = r->owner;
	const pv_JoinResponse *answer = response;
	struct err err = { 0 };

	free(r);
	if (h == NULL)
		return;
	h->renewing = NULL;
	if (why != NULL) {
		failed(h, why);
		return;
	}
	if (answer->time != 0)
		h->skew_ms = clock_wall_ms(h->conf.clock) - answer->time;
	if (credentials_store(&h->creds, answer, &err) != 0) {
		failed(h, &err);
		return;
	}
	h->unfit_due = 0;
	host_changed(h, true);
}

static int ask(struct host *h, struct renewal *r, struct err *err)
{
	pv_RenewHostRequest request = {
		.hostname = (char *)h->conf.hostname,
		.addresses = (char **)h->conf.addresses,
		.addresses_count = (pb_size_t)h->conf.address_count,
	};
	int rc;

	rc = credentials_public_keys(&h->creds, &request.ssh_public_key, &request.tls_public_key,
	                             err);
	if (rc == 0)
		rc = rpc_unary_start(h->client, AUTH_RENEW_HOST, &request, CALL_MS, on_renewed, r,
		                     &r->call, err);
	free(request.ssh_public_key);
	free(request.tls_public_key);
	return rc;
}

static void begin(struct host *h)
{
	struct renewal *r = calloc(1, sizeof(*r));
	struct err err = { 0 };

	if (r == NULL) {
		err_set_nomem(&err);
		failed(h, &err);
		return;
	}
	r->owner = h;
	if (ask(h, r, &err) != 0) {
		free(r);
		failed(h, &err);
		return;
	}
	h->renewing = r;
}

static void on_due(void *owner)
{
	struct host *h = owner;

	if (clock_wall_ms(h->conf.clock) < due_ms(h))
		host_renew_plan(h);
	else if (h->renewing == NULL)
		begin(h);
}

int host_renew_start(struct host *h, struct err *err)
{
	h->renew = timer_new(h->conf.loop, on_due, h);
	if (h->renew == NULL)
		return err_set_nomem(err);
	host_renew_plan(h);
	return 0;
}

void host_renew_stop(struct host *h)
{
	if (h->renewing != NULL) {
		h->renewing->owner = NULL;
		rpc_stream_cancel(h->renewing->call);
	}
	timer_free(h->renew);
}

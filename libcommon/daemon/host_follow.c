#include "daemon/host_inside.h"

#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "loop/timer.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/auth.service.h"

#include <stdlib.h>
#include <string.h>

#define AUTHORITIES "/authorities/" /* where they lie in the keyspace */
#define POLL_MS     (10 * 60 * 1000)
#define CALL_MS     (30 * 1000)
#define SPREAD_MAX  (3600 * 1000)

/* --- what authd or the watch says ------------------------------------------------------------ */

int host_take_authority(struct host *h, const pv_CertAuthority *ca, struct err *err)
{
	const struct trust *before = h->creds.parts.trust;

	if (credentials_store_authority(&h->creds, ca, err) != 0)
		return err->code;
	if (h->creds.parts.trust != before)
		host_changed(h, false);
	return 0;
}

static int drop_authority(struct host *h, const char *key, struct err *err)
{
	static const char *const types[] = { AUTHORITIES "user/", AUTHORITIES "host/" };
	const struct trust *before = h->creds.parts.trust;

	for (int i = 0; i < 2; i++)
		if (str_starts(key, types[i]) &&
		    credentials_drop_authority(&h->creds, i == 0 ? "user" : "host",
		                               key + strlen(types[i]), err) != 0)
			return err->code;
	if (h->creds.parts.trust != before)
		host_changed(h, false);
	return 0;
}

int host_cache_changed(struct host *h, const char *key, const pv_Resource *now, struct err *err)
{
	if (!str_starts(key, AUTHORITIES))
		return 0;
	return now != NULL ? host_take_authority(h, &now->of.cert_authority, err)
	                   : drop_authority(h, key, err);
}

/* --- a slow look, should an event ever be missed --------------------------------------------- */

static void on_listed(void *ctx, const void *response, const struct err *failure)
{
	const pv_ListResourcesResponse *answer = response;
	struct host **owner = ctx;
	struct host *h = *owner;
	struct err err;

	free(owner);
	if (h == NULL)
		return;
	h->asked = NULL;
	h->asking = NULL;
	for (pb_size_t i = 0; failure == NULL && i < answer->resources_count; i++) {
		const pv_Resource *r = &answer->resources[i];

		if (r->which_of == pv_Resource_cert_authority_tag &&
		    host_take_authority(h, &r->of.cert_authority, &err) != 0)
			h->conf.on_change(h->conf.ctx, &err);
	}
}

/* A failure is the connection's to tell; the next look comes anyway. */
static void on_poll(void *owner)
{
	const pv_ListResourcesRequest request = { .kind = (char *)"cert_authority" };
	struct host *h = owner;
	struct host **asking;
	struct err err;

	if (h->asked != NULL || (asking = malloc(sizeof(*asking))) == NULL)
		return;
	*asking = h;
	if (rpc_unary_start(h->client, AUTH_LIST_RESOURCES, &request, CALL_MS, on_listed, asking,
	                    &h->asked, &err) == 0)
		h->asking = asking;
	else
		free(asking);
}

/* --- how far we have come -------------------------------------------------------------------- */

static bool note(struct reached *r, const pv_CertAuthority *ca)
{
	struct reached now = { .phase = rotation_phase_of(&ca->spec.rotation) };
	const char *id = ca->spec.rotation.current_id;

	str_copy(now.id, sizeof(now.id), id != NULL ? id : "");
	if (now.phase == r->phase && strcmp(now.id, r->id) == 0)
		return false;
	*r = now;
	return true;
}

static int64_t spread_of(const pv_CertAuthority *ca)
{
	int64_t spread = ca->spec.rotation.spread;

	return spread > 0 && spread < SPREAD_MAX ? spread : 0;
}

/* People's authority is followed as soon as it is trusted, the hosts' only with its
 * certificates. Those came spread already. */
void host_follow_note(struct host *h)
{
	const pv_CertAuthority *user = credentials_authority(&h->creds.answer, "user");
	const pv_CertAuthority *host = credentials_authority(&h->creds.answer, "host");
	bool changed = false;

	if (user != NULL)
		changed |= note(&h->user, user);
	if (host != NULL && h->creds.parts.fits)
		changed |= note(&h->host, host);
	if (changed && h->report != NULL && !timer_active(h->report))
		timer_once(h->report,
		           rand_below((uint32_t)spread_of(host != NULL ? host : user) + 1));
}

static void on_report(void *owner)
{
	host_record_changed(owner);
}

static int add(pv_NodeSpec *out, const char *type, const struct reached *r, struct err *err)
{
	pv_ReachedRotation *to = fields_add(&out->rotation, &out->rotation_count, sizeof(*to), err);

	if (to == NULL || fields_set_str(&to->type, type, err) != 0 ||
	    fields_set_str(&to->current_id, r->id, err) != 0)
		return err->code;
	return fields_set_str(&to->phase, rotation_phase_name(r->phase), err);
}

int host_follow_report(const struct host *h, pv_NodeSpec *out, struct err *err)
{
	if (h->user.id[0] != 0 && add(out, "user", &h->user, err) != 0)
		return err->code;
	return h->host.id[0] != 0 ? add(out, "host", &h->host, err) : 0;
}

int host_follow_start(struct host *h, struct err *err)
{
	h->report = timer_new(h->conf.loop, on_report, h);
	h->poll = timer_new(h->conf.loop, on_poll, h);
	if (h->report == NULL || h->poll == NULL)
		return err_set_nomem(err);
	timer_every(h->poll, h->conf.poll_ms > 0 ? h->conf.poll_ms : POLL_MS);
	host_follow_note(h);
	timer_stop(h->report); /* the first announcement says it */
	return 0;
}

void host_follow_stop(struct host *h)
{
	timer_free(h->report);
	timer_free(h->poll);
	if (h->asking != NULL) {
		*h->asking = NULL;
		rpc_stream_cancel(h->asked);
	}
}

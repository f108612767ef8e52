#include "authd/rotation/stragglers.h"

#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/core/secrets.h"
#include "authd/hosts/host_record.h"
#include "authd/rotation/step.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/pin.h"
#include "loop/shifts.h"
#include "model/resource.h"
#include "model/rotation.h"
#include "store/keyspace.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"
#include "proto/secrets.fields.h"

#include <string.h>

#define PIECE_OVER 1

struct walk {
	struct authd *authd;
	unsigned authorities;
	pv_RotationStatus *out;
	const struct shift *shift; /* NULL: to the end */
	size_t seen;               /* hosts: one at least, whatever that takes */
	char *last;
	struct err *err;
};

/* What is looked at: a host, and what it says of itself. */
struct suspect {
	const char *id;
	const pv_StoredHost *host;
	const pv_ReachedRotation *reports;
	size_t count;
};

static bool was_rotated(const struct authority *a)
{
	return !str_empty(a->resource.spec.rotation.current_id);
}

/* The phase that it reports, if it is one of this rotation. */
static const char *reported(const struct suspect *s, const pv_CertAuthoritySpec *ca)
{
	for (size_t i = 0; i < s->count; i++)
		if (str_eq(s->reports[i].type, ca->type) &&
		    str_eq(s->reports[i].current_id, ca->rotation.current_id))
			return s->reports[i].phase;
	return NULL;
}

/* Can it not come back by itself? Only the host authority certifies it. */
static bool is_locked_out(const struct authd *a, const struct suspect *s, const char *type)
{
	const pb_bytes_array_t *by = s->host->signed_by;
	struct pin pin;

	if (by == NULL || by->size != sizeof(pin.sha256) || !str_eq(type, "host"))
		return false;
	memcpy(pin.sha256, by->bytes, sizeof(pin.sha256));
	return !authority_trusts(a->authorities.host, &pin);
}

static int add(struct walk *w, const struct suspect *s, const pv_CertAuthoritySpec *ca)
{
	pv_Straggler *to;
	int rc;

	w->out->straggler_count++;
	if (w->out->stragglers_count == STRAGGLERS_MAX)
		return 0;
	to = fields_add(&w->out->stragglers, &w->out->stragglers_count, sizeof(*to), w->err);
	if (to == NULL)
		return w->err->code;
	to->locked_out = is_locked_out(w->authd, s, ca->type);
	rc = fields_set_str(&to->host_id, s->id, w->err);
	if (rc == 0)
		rc = fields_set_str(&to->hostname, s->host->hostname, w->err);
	if (rc == 0)
		rc = fields_set_str(&to->system_role, s->host->system_role, w->err);
	if (rc == 0)
		rc = fields_set_str(&to->type, ca->type, w->err);
	return rc == 0 ? fields_set_str(&to->phase, reported(s, ca), w->err) : rc;
}

static int judge(struct walk *w, const struct suspect *s)
{
	const struct authorities *all = &w->authd->authorities;
	const struct authority *each[] = { w->authorities & STEP_USER ? all->user : NULL,
		                           w->authorities & STEP_HOST ? all->host : NULL };

	for (size_t i = 0; i < 2; i++) {
		const pv_CertAuthoritySpec *ca;

		if (each[i] == NULL)
			continue;
		ca = &each[i]->resource.spec;
		if (!rotation_reached(s->reports, s->count, ca) && add(w, s, ca) != 0)
			return w->err->code;
	}
	return 0;
}

/* With the record by which it is announced; none when it has long been silent. */
static int judge_host(struct walk *w, const char *id, const pv_StoredHost *host)
{
	const struct resource_kind *kind = host_record_kind(host->system_role);
	struct suspect s = { .id = id, .host = host };
	pv_Resource r;
	int rc = kind != NULL ? resource_load(w->authd, kind, NULL, id, &r, w->err) : ERR_NOT_FOUND;

	if (rc != 0 && rc != ERR_NOT_FOUND)
		return rc;
	if (rc == 0) { /* all of them are pv_Node */
		s.reports = r.of.node.spec.rotation;
		s.count = r.of.node.spec.rotation_count;
		rc = judge(w, &s);
		resource_deinit(&r);
		return rc;
	}
	return judge(w, &s);
}

/* One whose certificates have expired must join anew whatever we do. */
static bool may_come(const struct authd *a, const pv_StoredHost *host)
{
	return host->valid_until == 0 || host->valid_until > authd_now(a);
}

static int visit(void *arg, const struct keyspace_item *item)
{
	struct walk *w = arg;
	const char *id = strrchr(item->key, '/') + 1;
	pv_StoredHost host;
	int rc;

	if (w->shift != NULL && w->seen++ > 0 && shift_is_over(w->shift))
		return PIECE_OVER;
	strcpy(w->last, item->key);
	rc = fields_decode(&pv_StoredHost_table, item->value, item->len, &host, w->err);
	if (rc != 0)
		return -1;
	if (may_come(w->authd, &host))
		rc = judge_host(w, id, &host);
	fields_release(&pv_StoredHost_table, &host);
	return rc == 0 ? 0 : -1;
}

int stragglers_walk(struct stragglers *s, const struct shift *shift, bool *out_more,
                    struct err *err)
{
	struct err failure;
	struct walk w = {
		.authd = s->authd,
		.authorities = s->authorities,
		.out = s->out,
		.shift = shift,
		.last = s->last,
		.err = &failure,
	};
	char prefix[SECRETS_KEY_SIZE];
	const struct keyspace_query hosts = {
		.prefix = secrets_host_key(prefix, ""),
		.after = s->last[0] != 0 ? s->last : NULL,
	};
	int rc;

	*out_more = false;
	if (!was_rotated(s->authd->authorities.user) && !was_rotated(s->authd->authorities.host))
		return 0;
	rc = keyspace_each(s->authd->keyspace, &hosts, visit, &w, NULL, err);
	*out_more = rc == PIECE_OVER;
	return rc == -1 ? err_copy(err, &failure) : rc == PIECE_OVER ? 0 : rc;
}

int stragglers_collect(struct authd *a, unsigned authorities, pv_RotationStatus *out,
                       struct err *err)
{
	struct stragglers all = { .authd = a, .authorities = authorities, .out = out };
	bool more;

	return stragglers_walk(&all, NULL, &more, err);
}

#include "model/rotation.h"

#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdio.h>
#include <stdlib.h>

/* --- phases ---------------------------------------------------------------------------------- */

static const char *const names[ROTATION_PHASES] = {
	[ROTATION_STANDBY] = "standby",
	[ROTATION_INIT] = "init",
	[ROTATION_UPDATE_CLIENTS] = "update_clients",
	[ROTATION_UPDATE_SERVERS] = "update_servers",
	[ROTATION_ROLLBACK] = "rollback",
};

/* Every legal step. */
static const struct {
	enum rotation_phase from, to;
	enum rotation_change change;
} steps[] = {
	{ ROTATION_STANDBY, ROTATION_INIT, ROTATION_ADD },
	{ ROTATION_INIT, ROTATION_UPDATE_CLIENTS, ROTATION_SWAP },
	{ ROTATION_UPDATE_CLIENTS, ROTATION_UPDATE_SERVERS, ROTATION_KEEP },
	{ ROTATION_UPDATE_SERVERS, ROTATION_STANDBY, ROTATION_DROP },
	{ ROTATION_INIT, ROTATION_ROLLBACK, ROTATION_KEEP },
	{ ROTATION_UPDATE_CLIENTS, ROTATION_ROLLBACK, ROTATION_SWAP },
	{ ROTATION_UPDATE_SERVERS, ROTATION_ROLLBACK, ROTATION_SWAP },
	{ ROTATION_ROLLBACK, ROTATION_STANDBY, ROTATION_DROP },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

const char *rotation_phase_name(enum rotation_phase phase)
{
	return names[phase];
}

int rotation_phase_parse(const char *name, enum rotation_phase *out, struct err *err)
{
	for (int i = 0; i < ROTATION_PHASES; i++) {
		if (str_eq(names[i], name)) {
			*out = (enum rotation_phase)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
	               "phase: '%s' is not one of standby, init, update_clients, update_servers, "
	               "rollback",
	               name);
}

enum rotation_phase rotation_phase_of(const pv_Rotation *r)
{
	enum rotation_phase phase = ROTATION_STANDBY;
	struct err ignored;

	rotation_phase_parse(r->phase != NULL ? r->phase : "", &phase, &ignored);
	return phase;
}

/* "update_clients or rollback" */
static void list_next(enum rotation_phase from, char *dst, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < STEPS && at < size; i++)
		if (steps[i].from == from)
			at += (size_t)snprintf(dst + at, size - at, "%s%s", at > 0 ? " or " : "",
			                       names[steps[i].to]);
}

static int find_step(enum rotation_phase from, enum rotation_phase to,
                     enum rotation_change *out_change, struct err *err)
{
	char next[64] = "";

	for (size_t i = 0; i < STEPS; i++) {
		if (steps[i].from == from && steps[i].to == to) {
			*out_change = steps[i].change;
			return 0;
		}
	}
	list_next(from, next, sizeof(next));
	return err_set(err, ERR_CONFLICT, "phase '%s' does not follow on '%s'; %s does", names[to],
	               names[from], next);
}

/* --- a step ---------------------------------------------------------------------------------- */

static void set_schedule(pv_Rotation *r, const struct rotation_wish *w)
{
	r->has_schedule = true;
	r->schedule.update_clients = w->now + w->grace / 3;
	r->schedule.update_servers = w->now + w->grace / 3 * 2;
	r->schedule.standby = w->now + w->grace;
}

static int begin(pv_Rotation *r, const struct rotation_wish *w, struct err *err)
{
	r->started = w->now;
	r->grace_period = w->automatic ? w->grace : 0;
	if (w->automatic)
		set_schedule(r, w);
	return fields_set_str(&r->current_id, w->id, err);
}

static void forget_schedule(pv_Rotation *r)
{
	r->has_schedule = false;
	r->schedule = (pv_RotationSchedule)pv_RotationSchedule_init_zero;
	r->grace_period = 0;
}

/* Half of what is left until the next step by the clock leaves time for a second try. */
static int64_t bound_spread(const pv_Rotation *r, const struct rotation_wish *w)
{
	enum rotation_phase next;
	int64_t due = rotation_due(r, &next);
	int64_t left = due > w->now ? (due - w->now) / 2 : 0;

	return due != 0 && w->spread > left ? left : w->spread;
}

static int fill(pv_Rotation *r, const struct rotation_wish *w, enum rotation_phase from,
                struct err *err)
{
	bool over = w->phase == ROTATION_STANDBY;

	if (w->phase == ROTATION_INIT && begin(r, w, err) != 0)
		return err->code;
	if (!w->automatic || over)
		forget_schedule(r);
	if (over && from == ROTATION_UPDATE_SERVERS)
		r->last_rotated = w->now;
	if (fields_set_str(&r->state, over ? "standby" : "in_progress", err) != 0 ||
	    fields_set_str(&r->phase, names[w->phase], err) != 0 ||
	    fields_set_str(&r->mode,
	                   over           ? NULL
	                   : w->automatic ? "auto"
	                                  : "manual",
	                   err) != 0)
		return err->code;
	r->spread = bound_spread(r, w);
	return 0;
}

int rotation_step(const pv_Rotation *from, const struct rotation_wish *wish, pv_Rotation *out,
                  enum rotation_change *out_change, struct err *err)
{
	enum rotation_phase phase = rotation_phase_of(from);
	enum rotation_change change = ROTATION_KEEP;
	pv_Rotation r;

	if (find_step(phase, wish->phase, &change, err) != 0 ||
	    fields_clone(&pv_Rotation_table, from, &r, err) != 0)
		return err->code;
	if (fill(&r, wish, phase, err) != 0) {
		fields_release(&pv_Rotation_table, &r);
		return err->code;
	}
	*out = r;
	*out_change = change;
	return 0;
}

bool rotation_locks_out(enum rotation_phase to)
{
	return to == ROTATION_UPDATE_SERVERS || to == ROTATION_STANDBY;
}

int64_t rotation_due(const pv_Rotation *r, enum rotation_phase *out_next)
{
	if (!str_eq(r->mode, "auto") || !r->has_schedule)
		return 0;
	switch (rotation_phase_of(r)) {
	case ROTATION_INIT:
		*out_next = ROTATION_UPDATE_CLIENTS;
		return r->schedule.update_clients;
	case ROTATION_UPDATE_CLIENTS:
		*out_next = ROTATION_UPDATE_SERVERS;
		return r->schedule.update_servers;
	case ROTATION_UPDATE_SERVERS:
		*out_next = ROTATION_STANDBY;
		return r->schedule.standby;
	default:
		return 0;
	}
}

/* --- keys ------------------------------------------------------------------------------------ */

static void swap_keys(pv_CertAuthoritySpec *spec)
{
	pv_CaKeys active = spec->active_keys;

	spec->active_keys = spec->additional_trusted_keys;
	spec->additional_trusted_keys = active;
}

static void drop_keys(pv_CertAuthoritySpec *spec)
{
	fields_release(&pv_CaKeys_table, &spec->additional_trusted_keys);
	spec->has_additional_trusted_keys = false;
	for (pb_size_t i = 0; i < spec->active_keys.tls_count; i++) {
		free(spec->active_keys.tls[i].cross_cert);
		spec->active_keys.tls[i].cross_cert = NULL;
	}
}

void rotation_change_keys(pv_CertAuthoritySpec *spec, enum rotation_change change,
                          pv_CaKeys *take_new)
{
	switch (change) {
	case ROTATION_KEEP:
		break;
	case ROTATION_ADD:
		fields_release(&pv_CaKeys_table, &spec->additional_trusted_keys);
		spec->additional_trusted_keys = *take_new;
		spec->has_additional_trusted_keys = true;
		*take_new = (pv_CaKeys)pv_CaKeys_init_zero;
		break;
	case ROTATION_SWAP:
		swap_keys(spec);
		break;
	case ROTATION_DROP:
		drop_keys(spec);
		break;
	}
}

const pv_CaKeys *rotation_serving(const pv_CertAuthoritySpec *spec)
{
	return rotation_phase_of(&spec->rotation) == ROTATION_UPDATE_CLIENTS
	               ? &spec->additional_trusted_keys
	               : &spec->active_keys;
}

/* --- who has followed ------------------------------------------------------------------------ */

bool rotation_reached(const pv_ReachedRotation *reports, size_t count,
                      const pv_CertAuthoritySpec *spec)
{
	const pv_Rotation *now = &spec->rotation;

	if (str_empty(now->current_id))
		return true;
	for (size_t i = 0; i < count; i++)
		if (str_eq(reports[i].type, spec->type))
			return str_eq(reports[i].current_id, now->current_id) &&
			       str_eq(reports[i].phase, now->phase);
	return false;
}

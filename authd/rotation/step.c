#include "authd/rotation/step.h"

#include "authd/authorities/authority_keys.h"
#include "authd/authorities/authority_record.h"
#include "authd/core/authd.h"
#include "authd/rotation/follow.h"

#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>

#define AUTHORITIES 2

struct step {
	struct authd *authd;
	step_cb done;
	void *arg;
	size_t count;
	struct authority_write writes[AUTHORITIES];
};

size_t step_types(unsigned authorities, const char *out[2])
{
	size_t count = 0;

	if (authorities & STEP_USER)
		out[count++] = "user";
	if (authorities & STEP_HOST)
		out[count++] = "host";
	return count;
}

static void step_free(struct step *s)
{
	for (size_t i = 0; i < s->count; i++)
		authority_write_deinit(&s->writes[i]);
	free(s);
}

static void on_written(void *arg, uint64_t revision, const struct err *failure)
{
	struct step *s = arg;
	struct err err;

	(void)revision;
	if (failure != NULL && failure->code == ERR_CONFLICT) {
		err_set(&err, ERR_CONFLICT, "somebody else has changed the authority just now");
		failure = &err;
	}
	if (failure == NULL)
		follow_authorities(s->authd);
	s->done(s->arg, failure);
	step_free(s);
}

/* The new pair of keys, which both sides of the rotation vouch for. */
static int make_keys(const struct authd *a, pv_CertAuthority *ca, pv_CaKeys *out, struct err *err)
{
	int rc = authority_keys_make(ca->spec.type, a->conf.cluster_name, authd_now(a), out, err);

	if (rc == 0)
		rc = authority_keys_cross(&ca->spec.active_keys, out, err);
	return rc;
}

/* The record as it is after the step. */
static int advance(const struct authd *a, const struct step_spec *spec, const char *id,
                   pv_CertAuthority *ca, struct err *err)
{
	const struct rotation_wish wish = {
		.phase = spec->phase,
		.automatic = spec->automatic,
		.id = id,
		.now = authd_now(a),
		.grace = spec->grace,
		.spread = a->conf.rotation_spread,
	};
	pv_CaKeys fresh = pv_CaKeys_init_zero;
	enum rotation_change change;
	pv_Rotation next;
	int rc = rotation_step(&ca->spec.rotation, &wish, &next, &change, err);

	if (rc != 0)
		return err_wrap(err, "%s authority", ca->spec.type);
	fields_release(&pv_Rotation_table, &ca->spec.rotation);
	ca->spec.rotation = next;
	ca->spec.has_rotation = true;
	if (change == ROTATION_ADD)
		rc = make_keys(a, ca, &fresh, err);
	if (rc == 0)
		rotation_change_keys(&ca->spec, change, &fresh);
	fields_release(&pv_CaKeys_table, &fresh);
	return rc;
}

static int prepare_one(struct step *s, const struct step_spec *spec, const char *type,
                       const char *id, struct keyspace_op ops[2], struct err *err)
{
	struct authd *a = s->authd;
	pv_CertAuthority ca;
	uint64_t revision;
	int rc =
	        authority_record_read(a->keyspace, type, a->conf.cluster_name, &ca, &revision, err);

	if (rc != 0)
		return rc;
	rc = advance(a, spec, id, &ca, err);
	if (rc == 0)
		rc = authority_record_ops(a->keyspace, &ca, revision, &s->writes[s->count++], ops,
		                          err);
	fields_release(&pv_CertAuthority_table, &ca);
	return rc;
}

static int start(struct step *s, const struct step_spec *spec, struct err *err)
{
	struct keyspace_op ops[2 * AUTHORITIES];
	const char *types[AUTHORITIES];
	char id[RAND_UUID_SIZE];
	size_t count = step_types(spec->authorities, types);

	rand_uuid(id);
	for (size_t i = 0; i < count; i++)
		if (prepare_one(s, spec, types[i], id, &ops[2 * i], err) != 0)
			return err->code;
	return keyspace_write(s->authd->keyspace, ops, 2 * count, on_written, s, err);
}

int step_start(struct authd *a, const struct step_spec *spec, step_cb done, void *arg,
               struct err *err)
{
	struct step *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set_nomem(err);
	s->authd = a;
	s->done = done;
	s->arg = arg;
	if (start(s, spec, err) != 0) {
		step_free(s);
		return err->code;
	}
	return 0;
}

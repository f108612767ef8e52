/*
 * rotation - the change of an authority's keys, phase by phase; what signs, what is shown and what
 * is trusted in each. Pure.
 *
 *   standby --> init --> update_clients --> update_servers --> standby
 *                 |            |                  |
 *                 '--------> rollback <-----------'      rollback --> standby, as before
 *
 *   phase           signs for clients   servers show   trusted
 *   standby         current             current        current
 *   init            old                 old            old, new
 *   update_clients  new                 old            old, new
 *   update_servers  new                 new            old, new
 *   rollback        old                 old            old, new
 *
 * A record's active keys sign for clients: people, and hosts that call others. The additional ones
 * are trusted, and in update_clients still make what servers show, so that a client which has not
 * heard of the new key believes them. No phase can be left out, so nobody is ever shown what was
 * not trusted a phase before.
 */
#ifndef MODEL_ROTATION_H
#define MODEL_ROTATION_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

enum rotation_phase {
	ROTATION_STANDBY,
	ROTATION_INIT,
	ROTATION_UPDATE_CLIENTS,
	ROTATION_UPDATE_SERVERS,
	ROTATION_ROLLBACK,
	ROTATION_PHASES
};

const char *rotation_phase_name(enum rotation_phase phase);

/* ERR_INVALID names those there are. */
int rotation_phase_parse(const char *name, enum rotation_phase *out, struct err *err);

/* What a record says; standby when it says nothing that we know. */
enum rotation_phase rotation_phase_of(const pv_Rotation *r);

/* What a step does to the keys. */
enum rotation_change {
	ROTATION_KEEP,
	ROTATION_ADD,  /* a new key becomes an additional one */
	ROTATION_SWAP, /* active and additional keys change places */
	ROTATION_DROP, /* the additional ones go */
};

struct rotation_wish {
	enum rotation_phase phase;
	bool automatic; /* by the schedule; a step by hand ends the schedule */
	const char *id; /* to init: a new UUID */
	int64_t now;    /* ms */
	int64_t grace;  /* to init, automatic: ms until all of it is done */
	int64_t spread; /* ms that hosts may take to renew; cut to half of an automatic phase */
};

/*
 * One step: *out gets the record as it is afterwards (release with fields_release). ERR_CONFLICT:
 * the phase does not follow on the present one; the sentence says which do.
 */
int rotation_step(const pv_Rotation *from, const struct rotation_wish *wish, pv_Rotation *out,
                  enum rotation_change *out_change, struct err *err);

/* Whether a step to this phase locks out hosts that have not reached the present one. */
bool rotation_locks_out(enum rotation_phase to);

/* Mode auto: when the next step is due (ms since 1970) and which; 0: by hand, or there is none. */
int64_t rotation_due(const pv_Rotation *r, enum rotation_phase *out_next);

/* Changes the keys. ROTATION_ADD moves *take_new in, whatever happens. Cross certificates go with
 * the key that signed them. */
void rotation_change_keys(pv_CertAuthoritySpec *spec, enum rotation_change change,
                          pv_CaKeys *take_new);

/* The keys that certify what servers show; the active ones but in update_clients. */
const pv_CaKeys *rotation_serving(const pv_CertAuthoritySpec *spec);

/* Has a host that reports this reached the authority's present phase? An authority that was never
 * rotated is reached by all. */
bool rotation_reached(const pv_ReachedRotation *reports, size_t count,
                      const pv_CertAuthoritySpec *spec);

#endif

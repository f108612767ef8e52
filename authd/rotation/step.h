/*
 * step - one step of a rotation, of one authority or both: what model/rotation.h says is to
 * happen, in one write on the condition that nobody else has changed them meanwhile.
 *
 *   step_start: read, judge, make keys --> WRITING --> authd follows --> callback
 */
#ifndef AUTHD_ROTATION_STEP_H
#define AUTHD_ROTATION_STEP_H

#include "model/rotation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct authd;
struct err;

enum step_authority { STEP_USER = 1, STEP_HOST = 2 };

struct step_spec {
	unsigned authorities; /* enum step_authority, one or both */
	enum rotation_phase phase;
	bool automatic;
	int64_t grace; /* ms; to init, automatic */
};

typedef void (*step_cb)(void *arg, const struct err *err);

/* `done` comes once, later, unless this fails. ERR_CONFLICT: the phase does not follow on the
 * present one (nothing has happened), or somebody else was faster. */
int step_start(struct authd *a, const struct step_spec *spec, step_cb done, void *arg,
               struct err *err);

/* The authorities of `spec` by type, "user" and "host"; returns how many. */
size_t step_types(unsigned authorities, const char *out[2]);

#endif

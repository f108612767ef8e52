/*
 * lock - does a lock in force concern this person, login and node?
 *
 * Every target that a lock sets must match; one that sets none matches nothing.
 */
#ifndef MODEL_LOCK_H
#define MODEL_LOCK_H

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* What is asked about; NULL = not known yet, and matches no lock that names it. */
struct lock_subject {
	const char *user;
	char *const *roles;
	size_t roles_count;
	const char *login;
	const char *node;      /* UUID */
	char *const *requests; /* ids of access requests whose roles they have */
	size_t requests_count;
};

bool lock_in_force(const pv_Lock *lock, int64_t now_ms);

/* 0, or ERR_DENIED "user 'mallory' is locked: under investigation". */
int lock_check(const pv_Lock *lock, const struct lock_subject *subject, int64_t now_ms,
               struct err *err);

#endif

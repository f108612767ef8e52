#include "model/lock.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"

bool lock_in_force(const pv_Lock *lock, int64_t now_ms)
{
	return lock->spec.expires == 0 || now_ms < lock->spec.expires;
}

/* A target that is not set does not narrow the lock. */
static bool concerns(const char *target, const char *subject)
{
	return str_empty(target) || str_eq(target, subject);
}

/* As all targets must match, such a lock matches nobody. */
static bool names_what_is_not_here(const pv_LockTarget *t)
{
	return !str_empty(t->mfa_device) || !str_empty(t->windows_desktop) ||
	       !str_empty(t->device) || !str_empty(t->bot_instance_id) || !str_empty(t->join_token);
}

int lock_check(const pv_Lock *lock, const struct lock_subject *subject, int64_t now_ms,
               struct err *err)
{
	const struct {
		const char *what;
		const char *name;
	} targets[] = {
		{ "user", lock->spec.target.user },
		{ "role", lock->spec.target.role },
		{ "login", lock->spec.target.login },
		{ "node", lock->spec.target.node },
		{ "access request", lock->spec.target.access_request },
	};
	const pv_LockTarget *t = &lock->spec.target;
	const char *message = lock->spec.message;

	if (!lock_in_force(lock, now_ms) || names_what_is_not_here(t) ||
	    !concerns(t->user, subject->user) || !concerns(t->login, subject->login) ||
	    !concerns(t->node, subject->node))
		return 0;
	if (!str_empty(t->role) && !str_in(t->role, subject->roles, subject->roles_count))
		return 0;
	if (!str_empty(t->access_request) &&
	    !str_in(t->access_request, subject->requests, subject->requests_count))
		return 0;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (!str_empty(targets[i].name))
			return err_set(err, ERR_DENIED, "%s '%s' is locked%s%s", targets[i].what,
			               targets[i].name, str_empty(message) ? "" : ": ",
			               str_empty(message) ? "" : message);
	return 0;
}

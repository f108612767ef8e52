#include "authd/rotation/schedule.h"

#include "authd/core/authd.h"
#include "authd/rotation/rotation_audit.h"
#include "authd/rotation/step.h"

#include "base/err.h"
#include "base/log.h"
#include "loop/timer.h"
#include "model/rotation.h"
#include "store/keyspace.h"

#include <stdlib.h>

#define LOOK_MS  1000               /* another authd leads, and may end at any time */
#define RETRY_MS (10 * 1000)        /* after a failure: the disk may be full */
#define WAIT_MAX (10 * 60 * 1000LL) /* wall clocks jump */

struct schedule {
	struct authd *authd; /* NULL: closed, a step is under way */
	struct timer *due;
	struct step_spec step; /* under way */
	bool stepping;
};

/* The authority's next step as of now; 0: none by the clock. */
static int64_t due_of(const struct authority *a, enum rotation_phase *out_next)
{
	return rotation_due(&a->resource.spec.rotation, out_next);
}

static void wait_until(struct schedule *s, int64_t when)
{
	int64_t wait = when - authd_now(s->authd);

	timer_once(s->due, wait < 0 ? 0 : wait > WAIT_MAX ? WAIT_MAX : wait);
}

void schedule_plan(struct schedule *s)
{
	enum rotation_phase ignored;
	int64_t user, host;

	if (s == NULL || s->stepping)
		return;
	user = due_of(s->authd->authorities.user, &ignored);
	host = due_of(s->authd->authorities.host, &ignored);
	if (user == 0 && host == 0)
		timer_stop(s->due);
	else
		wait_until(s, user == 0 || (host != 0 && host < user) ? host : user);
}

static void on_stepped(void *arg, const struct err *err)
{
	struct schedule *s = arg;

	if (s->authd == NULL) {
		free(s);
		return;
	}
	s->stepping = false;
	if (err == NULL) {
		rotation_audit(s->authd, &s->step, NULL);
		schedule_plan(s);
		return;
	}
	log_error("rotation not moved on", kv("error", err->msg));
	timer_once(s->due, RETRY_MS);
}

static void step(struct schedule *s, enum step_authority which, enum rotation_phase next)
{
	struct err err;

	s->step = (struct step_spec){ .authorities = which, .phase = next, .automatic = true };
	s->stepping = true;
	if (step_start(s->authd, &s->step, on_stepped, s, &err) == 0)
		return;
	s->stepping = false;
	log_error("rotation not moved on", kv("error", err.msg));
	timer_once(s->due, RETRY_MS);
}

/* Both at once when both are due for the same. */
static void on_due(void *owner)
{
	struct schedule *s = owner;
	const struct authorities *all = &s->authd->authorities;
	enum rotation_phase next[2] = { ROTATION_STANDBY, ROTATION_STANDBY };
	int64_t due[2] = { due_of(all->user, &next[0]), due_of(all->host, &next[1]) };
	int64_t now = authd_now(s->authd);
	unsigned which = 0;

	if (s->stepping)
		return;
	if (due[0] != 0 && due[0] <= now)
		which |= STEP_USER;
	if (due[1] != 0 && due[1] <= now && (which == 0 || next[0] == next[1]))
		which |= STEP_HOST;
	if (which == 0)
		schedule_plan(s);
	else if (!keyspace_leads(s->authd->keyspace))
		timer_once(s->due, LOOK_MS);
	else
		step(s, which, next[which & STEP_USER ? 0 : 1]);
}

int schedule_open(struct authd *a, struct schedule **out, struct err *err)
{
	struct schedule *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->due = timer_new(a->loop, on_due, s);
	if (s == NULL || s->due == NULL) {
		free(s);
		return err_set_nomem(err);
	}
	s->authd = a;
	schedule_plan(s);
	*out = s;
	return 0;
}

void schedule_close(struct schedule *s)
{
	if (s == NULL)
		return;
	timer_free(s->due);
	s->due = NULL;
	s->authd = NULL;
	if (!s->stepping)
		free(s);
}

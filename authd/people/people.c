#include "authd/people/people.h"

#include "authd/authorities/certify.h"
#include "authd/core/authd.h"
#include "base/err.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

/* Two hashes at once leave the pool's other threads to certificates and handshakes. */
#define PASSWORDS_RUNNING 2
#define PASSWORDS_WAITING 64
#define SIGNERS_RUNNING   4
#define SIGNERS_WAITING   4096

#define GATE_WAITING_MAX 32

struct gate {
	char *name;
	unsigned inside;
	unsigned waiting;
	struct list queue;
};

int people_open(struct authd *a, struct err *err)
{
	struct people *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	a->people = p;
	p->passwords = work_pool_new(a->loop, PASSWORDS_RUNNING, PASSWORDS_WAITING);
	p->signers = work_pool_new(a->loop, SIGNERS_RUNNING, SIGNERS_WAITING);
	p->gates = map_new();
	if (p->passwords != NULL && p->signers != NULL && p->gates != NULL)
		return 0;
	people_close(a);
	return err_set_nomem(err);
}

void people_stop(struct authd *a)
{
	struct people *p = a->people;

	if (p == NULL)
		return;
	if (p->passwords != NULL)
		work_pool_free(p->passwords);
	if (p->signers != NULL)
		work_pool_free(p->signers);
	p->passwords = p->signers = NULL;
}

void people_close(struct authd *a)
{
	if (a->people == NULL)
		return;
	people_stop(a);
	map_free(a->people->gates); /* empty: every guest has left */
	free(a->people);
	a->people = NULL;
}

static int stopping(struct err *err)
{
	return err_set(err, ERR_CANCELED, "authd is stopping");
}

int people_hash(struct authd *a, struct work *w, work_run run, work_done done, struct err *err)
{
	if (a->people->passwords == NULL)
		return stopping(err);
	if (work_start(a->people->passwords, w, run, done, err) != 0)
		return err_set(err, ERR_LIMIT, "too many passwords are being checked; try again");
	return 0;
}

int people_certify(struct authd *a, struct certify *c, struct authority *ca, struct err *err)
{
	if (a->people->signers == NULL)
		return stopping(err);
	return certify_start(c, ca, a->people->signers, err);
}

/* --- gates ---------------------------------------------------------------------------------- */

static void gate_free(struct gate *g)
{
	free(g->name);
	free(g);
}

static struct gate *gate_of(struct people *p, const char *name)
{
	struct gate *g = map_get(p->gates, name);

	if (g != NULL)
		return g;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	list_init(&g->queue);
	g->name = strdup(name);
	if (g->name == NULL || map_put(p->gates, name, g, NULL) != 0) {
		gate_free(g);
		return NULL;
	}
	return g;
}

static void let_in(struct gate *g, struct gate_guest *guest)
{
	g->inside++;
	guest->inside = true;
	guest->enter(guest);
}

int gate_arrive(struct people *p, struct gate_guest *guest, const char *name, unsigned room,
                struct err *err)
{
	struct gate *g = gate_of(p, name);

	if (g == NULL)
		return err_set_nomem(err);
	if (g->waiting >= GATE_WAITING_MAX)
		return err_set(err, ERR_LIMIT, "too many logins at once; try again");
	guest->gate = g;
	if (g->inside < room && list_empty(&g->queue)) {
		let_in(g, guest);
		return 0;
	}
	list_append(&g->queue, &guest->link);
	g->waiting++;
	return 0;
}

/* A guest that is let in may leave at once, and that may be the last one: `g` is held. */
void gate_leave(struct people *p, struct gate_guest *guest, unsigned room)
{
	struct gate *g = guest->gate;

	guest->gate = NULL;
	guest->inside = false;
	while (!list_empty(&g->queue) && g->inside - 1 < room) {
		struct gate_guest *next = container_of(g->queue.next, struct gate_guest, link);

		list_remove(&next->link);
		g->waiting--;
		let_in(g, next);
	}
	if (--g->inside > 0 || !list_empty(&g->queue))
		return;
	map_remove(p->gates, g->name);
	gate_free(g);
}

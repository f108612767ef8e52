#include "loop/admission.h"

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "loop/addr.h"

#include <stdlib.h>
#include <string.h>

/* All from one address, as long as somebody is there. */
struct admission_lane {
	struct list link; /* in `turns`, while one of it may go in */
	struct list waiting;
	unsigned guests;
	unsigned inside;
	char addr[ADDR_TEXT_SIZE];
};

struct admission {
	struct admission_limits limits;
	struct map *lanes;
	struct list turns;
	unsigned guests;
	unsigned inside;
	unsigned waiting;
	bool admitting; /* admit() is at it further up the stack */
};

struct admission *admission_new(const struct admission_limits *limits)
{
	struct admission *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->limits = *limits;
	list_init(&a->turns);
	a->lanes = map_new();
	if (a->lanes == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void admission_free(struct admission *a)
{
	if (a == NULL)
		return;
	map_free(a->lanes);
	free(a);
}

unsigned admission_inside(const struct admission *a)
{
	return a->inside;
}

unsigned admission_waiting(const struct admission *a)
{
	return a->waiting;
}

/* --- lanes ----------------------------------------------------------------------------------- */

static struct admission_lane *lane_of(struct admission *a, const char *addr)
{
	char network[ADDR_TEXT_SIZE];
	struct admission_lane *lane = map_get(a->lanes, addr_network(addr, network));

	if (lane != NULL)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (lane == NULL || map_put(a->lanes, network, lane, NULL) != 0) {
		free(lane);
		return NULL;
	}
	list_init(&lane->link);
	list_init(&lane->waiting);
	str_copy(lane->addr, sizeof(lane->addr), network);
	return lane;
}

static void drop_if_empty(struct admission *a, struct admission_lane *lane)
{
	if (lane->guests > 0)
		return;
	map_remove(a->lanes, lane->addr);
	free(lane);
}

/* In turn when one of it waits and may go in; where it was in the order, if it was. */
static void update_turn(struct admission *a, struct admission_lane *lane)
{
	bool may = !list_empty(&lane->waiting) && lane->inside < a->limits.inside_per_addr;

	if (!may)
		list_remove(&lane->link);
	else if (list_empty(&lane->link))
		list_append(&a->turns, &lane->link);
}

static int join_lane(struct admission *a, struct admission_guest *g, const char *addr,
                     struct err *err)
{
	struct admission_lane *lane = lane_of(a, addr);

	if (lane == NULL)
		return err_set_nomem(err);
	if (lane->guests >= a->limits.guests_per_addr)
		return err_set(err, ERR_LIMIT, "%u from '%s' are here already", lane->guests,
		               lane->addr);
	lane->guests++;
	g->lane = lane;
	return 0;
}

static void leave_lane(struct admission *a, struct admission_guest *g)
{
	struct admission_lane *lane = g->lane;

	lane->guests--;
	update_turn(a, lane);
	drop_if_empty(a, lane);
}

/* --- guests ---------------------------------------------------------------------------------- */

int admission_arrive(struct admission *a, struct admission_guest *g, const char *addr,
                     struct err *err)
{
	if (a->guests >= a->limits.guests)
		return err_set(err, ERR_LIMIT, "%u are here already", a->guests);
	if (join_lane(a, g, addr, err) != 0)
		return err->code;
	a->guests++;
	g->at = a;
	g->inside = false;
	list_init(&g->link);
	return 0;
}

int admission_rename(struct admission_guest *g, const char *addr, struct err *err)
{
	struct admission_guest old = *g;

	if (join_lane(g->at, g, addr, err) != 0)
		return err->code;
	leave_lane(old.at, &old);
	return 0;
}

static void go_in(struct admission *a, struct admission_guest *g)
{
	g->inside = true;
	g->lane->inside++;
	a->inside++;
}

/* Each lane in turn. A guest may leave from within enter(), which is no reason to go deeper. */
static void admit(struct admission *a)
{
	if (a->admitting)
		return;
	a->admitting = true;
	while (a->inside < a->limits.inside && !list_empty(&a->turns)) {
		struct admission_lane *lane =
		        container_of(a->turns.next, struct admission_lane, link);
		struct admission_guest *g =
		        container_of(lane->waiting.next, struct admission_guest, link);

		list_remove(&g->link);
		list_remove(&lane->link);
		a->waiting--;
		go_in(a, g);
		update_turn(a, lane); /* behind the others */
		g->enter(g);
	}
	a->admitting = false;
}

/* Whoever comes while others wait, waits too. */
bool admission_enter(struct admission_guest *g)
{
	struct admission_lane *lane = g->lane;
	struct admission *a = g->at;

	if (a->inside < a->limits.inside && lane->inside < a->limits.inside_per_addr &&
	    list_empty(&a->turns)) {
		go_in(a, g);
		return true;
	}
	list_append(&lane->waiting, &g->link);
	a->waiting++;
	update_turn(a, lane);
	return false;
}

void admission_leave(struct admission_guest *g)
{
	struct admission *a = g->at;

	if (a == NULL)
		return;
	g->at = NULL;
	a->guests--;
	if (g->inside) {
		g->inside = false;
		g->lane->inside--;
		a->inside--;
	} else if (!list_empty(&g->link)) {
		list_remove(&g->link);
		a->waiting--;
	}
	leave_lane(a, g);
	admit(a);
}

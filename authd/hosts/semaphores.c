#include "authd/hosts/semaphores.h"

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MS 60000

struct lease {
	struct list link;
	int64_t expires;
	char *id;
	char *holder;
};

struct semaphore {
	struct list leases;
	size_t count;
	char *name;
};

struct semaphores {
	struct map *by_name;
	size_t leases; /* of all */
	int64_t swept;
};

static void remove_lease(struct semaphores *s, struct semaphore *sem, struct lease *l)
{
	list_remove(&l->link);
	sem->count--;
	s->leases--;
	free(l->id);
	free(l->holder);
	free(l);
}

static void remove_if_empty(struct semaphores *s, struct semaphore *sem)
{
	if (sem->count > 0)
		return;
	map_remove(s->by_name, sem->name);
	free(sem->name);
	free(sem);
}

static void drop_expired(struct semaphores *s, struct semaphore *sem, int64_t now)
{
	for (struct list *at = sem->leases.next, *next; at != &sem->leases; at = next) {
		struct lease *l = container_of(at, struct lease, link);

		next = at->next;
		if (l->expires <= now)
			remove_lease(s, sem, l);
	}
}

/* Those whose user never came again. */
static void sweep(struct semaphores *s, int64_t now)
{
	struct semaphore *sem;
	size_t at = 0;

	if (now - s->swept < SWEEP_MS)
		return;
	s->swept = now;
	while ((sem = map_next(s->by_name, &at, NULL)) != NULL) {
		drop_expired(s, sem, now);
		remove_if_empty(s, sem);
	}
}

struct semaphores *semaphores_new(void)
{
	struct semaphores *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->by_name = map_new();
	if (s->by_name == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void semaphores_free(struct semaphores *s)
{
	if (s == NULL)
		return;
	s->swept = -SWEEP_MS;
	sweep(s, INT64_MAX - SWEEP_MS);
	map_free(s->by_name);
	free(s);
}

static struct lease *find(const struct semaphore *sem, const char *id)
{
	for (struct list *at = sem->leases.next; at != &sem->leases; at = at->next)
		if (strcmp(container_of(at, struct lease, link)->id, id) == 0)
			return container_of(at, struct lease, link);
	return NULL;
}

static struct semaphore *find_or_make(struct semaphores *s, const char *name)
{
	struct semaphore *sem = map_get(s->by_name, name);

	if (sem != NULL)
		return sem;
	sem = calloc(1, sizeof(*sem));
	if (sem == NULL)
		return NULL;
	list_init(&sem->leases);
	sem->name = strdup(name);
	if (sem->name == NULL || map_put(s->by_name, name, sem, NULL) != 0) {
		free(sem->name);
		free(sem);
		return NULL;
	}
	return sem;
}

static int add(struct semaphores *s, struct semaphore *sem, const struct semaphore_lease *lease,
               int64_t expires, struct err *err)
{
	struct lease *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set_nomem(err);
	list_append(&sem->leases, &l->link);
	sem->count++;
	s->leases++;
	l->expires = expires;
	l->id = strdup(lease->id);
	l->holder = strdup(lease->holder);
	if (l->id != NULL && l->holder != NULL)
		return 0;
	remove_lease(s, sem, l);
	return err_set_nomem(err);
}

static int renew(struct lease *l, const struct semaphore_lease *lease, int64_t expires,
                 struct err *err)
{
	if (!str_eq(l->holder, lease->holder))
		return err_set(err, ERR_DENIED, "this lease is another host's");
	l->expires = expires;
	return 0;
}

int semaphores_acquire(struct semaphores *s, const struct semaphore_lease *lease, int64_t max,
                       bool held, int64_t ttl_ms, int64_t now, struct err *err)
{
	struct semaphore *sem;
	struct lease *l;
	int rc;

	sweep(s, now);
	sem = find_or_make(s, lease->name);
	if (sem == NULL)
		return err_set_nomem(err);
	drop_expired(s, sem, now);
	l = find(sem, lease->id);
	if (l != NULL)
		rc = renew(l, lease, now + ttl_ms, err);
	else if (!held && max > 0 && sem->count >= (uint64_t)max)
		rc = err_set(err, ERR_LIMIT, "%zu are open, of at most %lld", sem->count,
		             (long long)max);
	else if (s->leases >= SEMAPHORE_LEASES_MAX)
		rc = err_set(err, ERR_LIMIT, "more than %d leases", SEMAPHORE_LEASES_MAX);
	else
		rc = add(s, sem, lease, now + ttl_ms, err);
	remove_if_empty(s, sem);
	return rc;
}

void semaphores_release(struct semaphores *s, const struct semaphore_lease *lease)
{
	struct semaphore *sem = map_get(s->by_name, lease->name);
	struct lease *l = sem != NULL ? find(sem, lease->id) : NULL;

	if (l == NULL || !str_eq(l->holder, lease->holder))
		return;
	remove_lease(s, sem, l);
	remove_if_empty(s, sem);
}

size_t semaphores_count(struct semaphores *s, const char *name, int64_t now)
{
	struct semaphore *sem = map_get(s->by_name, name);

	if (sem == NULL)
		return 0;
	drop_expired(s, sem, now);
	return sem->count;
}

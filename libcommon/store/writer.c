#include "store/writer.h"

#include "base/clock.h"
#include "store/lmdb.h"
#include "store/peers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 256  /* writes in one commit */
#define SWEEP_MAX 1000 /* expired items deleted in one commit */
#define SWEEP_MS  500  /* how often expired items are looked for */

struct writer {
	struct writer_options options;
	int fd;
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t wake;  /* queue or stopping has changed */
	struct list queue;
	struct list finished;
	size_t waiting; /* writes in both lists and in the thread's hands */
	bool stopping;
	bool expiring; /* something in the keyspace may expire: the thread looks from time to time
	                */
};

/* --- commits --------------------------------------------------------------------------------- */

static void write_fail(struct write *w, const struct err *err)
{
	if (w->err.code == 0)
		err_copy(&w->err, err);
}

/* All writes in one commit. Returns the failure that concerns the commit as a whole. */
static int commit_together(struct writer *wr, struct list *writes, struct err *err)
{
	struct lmdb_batch *batch;

	if (lmdb_begin(wr->options.db, clock_wall_ms(wr->options.clock), &batch, err) != 0)
		return err->code;
	for (struct list *at = writes->next; at != writes; at = at->next) {
		struct write *w = container_of(at, struct write, link);

		w->err.code = lmdb_apply(batch, w->ops, w->count, &w->revision, err);
		if (w->err.code == 0)
			continue;
		err_copy(&w->err, err);
		if (!lmdb_is_condition(err->code)) {
			lmdb_abort(batch);
			return err->code;
		}
	}
	if (lmdb_prune(batch, wr->options.log_events, wr->options.log_age_ms, err) != 0) {
		lmdb_abort(batch);
		return err->code;
	}
	return lmdb_commit(batch, err);
}

/* Where one write spoils the commit, each gets its own: the others need not fail with it. */
static void commit_alone(struct writer *wr, struct list *writes)
{
	struct list one;
	struct list *next;
	struct err err;

	for (struct list *at = writes->next; at != writes; at = next) {
		struct write *w = container_of(at, struct write, link);

		next = at->next;
		list_init(&one);
		list_remove(at);
		list_append(&one, at);
		w->err.code = 0;
		if (commit_together(wr, &one, &err) != 0)
			write_fail(w, &err);
		list_remove(at);
		list_append(next, at); /* back to where it was */
	}
}

static void commit(struct writer *wr, struct list *writes)
{
	bool single = writes->next->next == writes;
	struct err err;

	if (commit_together(wr, writes, &err) == 0)
		return;
	if (single)
		write_fail(container_of(writes->next, struct write, link), &err);
	else
		commit_alone(wr, writes);
}

static int sweep_once(struct writer *wr, int64_t now, struct err *err)
{
	struct lmdb_batch *batch;

	if (lmdb_begin(wr->options.db, now, &batch, err) != 0)
		return err->code;
	if (lmdb_sweep(batch, SWEEP_MAX, err) != 0) {
		lmdb_abort(batch);
		return err->code;
	}
	return lmdb_commit(batch, err);
}

/* Deletes what has expired; a failure is met again half a second later. Returns whether anything
 * is left that may expire, in *out_swept whether something was deleted. */
static bool sweep(struct writer *wr, bool *out_swept)
{
	int64_t now = clock_wall_ms(wr->options.clock);
	struct err err;
	bool any = true;
	bool due = false;

	*out_swept = false;
	if (!peers_lead(wr->options.peers))
		return true; /* not yet: whoever does it now may end */
	while (lmdb_expiry(wr->options.db, now, &any, &due, &err) == 0 && due) {
		if (sweep_once(wr, now, &err) != 0)
			break;
		*out_swept = true;
	}
	return any;
}

static void signal_program(struct writer *wr)
{
	uint64_t one = 1;
	ssize_t rc;

	do {
		rc = write(wr->fd, &one, sizeof(one));
	} while (rc < 0 && errno == EINTR);
}

/* --- the thread ------------------------------------------------------------------------------ */

/* With the lock held: waits for a write, the end, or the time to sweep. */
static void wait_for_work(struct writer *wr)
{
	struct timespec until;

	if (!list_empty(&wr->queue) || wr->stopping)
		return;
	if (!wr->expiring) {
		pthread_cond_wait(&wr->wake, &wr->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SWEEP_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&wr->wake, &wr->lock, &until);
}

static void take_batch(struct writer *wr, struct list *out)
{
	list_init(out);
	for (size_t n = 0; n < BATCH_MAX && !list_empty(&wr->queue); n++) {
		struct list *first = wr->queue.next;

		list_remove(first);
		list_append(out, first);
	}
}

static void hand_back(struct writer *wr, struct list *batch)
{
	while (!list_empty(batch)) {
		struct list *first = batch->next;

		list_remove(first);
		list_append(&wr->finished, first);
	}
}

static bool is_time_to_sweep(int64_t *last_sweep)
{
	int64_t now = clock_mono_ms(clock_system());

	if (now - *last_sweep < SWEEP_MS)
		return false;
	*last_sweep = now;
	return true;
}

static void *run(void *arg)
{
	struct writer *wr = arg;
	int64_t last_sweep = 0;
	struct list batch;
	bool sweeping;
	bool expiring;
	bool swept;
	bool changed;

	pthread_mutex_lock(&wr->lock);
	while (!wr->stopping || !list_empty(&wr->queue)) {
		wait_for_work(wr);
		take_batch(wr, &batch);
		sweeping = is_time_to_sweep(&last_sweep);
		wr->expiring = !list_empty(&batch) || (wr->expiring && !sweeping);
		pthread_mutex_unlock(&wr->lock);
		expiring = swept = false;
		if (!list_empty(&batch))
			commit(wr, &batch);
		if (sweeping) {
			expiring = sweep(wr, &swept);
			lmdb_rest(wr->options.db, last_sweep);
		}
		changed = swept || !list_empty(&batch);
		pthread_mutex_lock(&wr->lock);
		wr->expiring |= expiring; /* or somebody has looked meanwhile */
		hand_back(wr, &batch);
		if (!changed)
			continue;
		pthread_mutex_unlock(&wr->lock);
		signal_program(wr); /* first: somebody waits for an answer there */
		peers_tell(wr->options.peers);
		pthread_mutex_lock(&wr->lock);
	}
	pthread_mutex_unlock(&wr->lock);
	return NULL;
}

/* --- start and stop -------------------------------------------------------------------------- */

static int start_thread(struct writer *wr, struct err *err)
{
	pthread_condattr_t attr;
	int rc;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&wr->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&wr->lock, NULL);
	rc = pthread_create(&wr->thread, NULL, run, wr);
	if (rc == 0)
		return 0;
	pthread_mutex_destroy(&wr->lock);
	pthread_cond_destroy(&wr->wake);
	return err_set_errno(err, ERR_IO, rc, "keyspace: start its writer");
}

int writer_start(const struct writer_options *options, struct writer **out_writer, struct err *err)
{
	struct writer *wr = calloc(1, sizeof(*wr));

	if (wr == NULL)
		return err_set_nomem(err);
	wr->options = *options;
	wr->expiring = true;
	list_init(&wr->queue);
	list_init(&wr->finished);
	wr->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wr->fd < 0) {
		free(wr);
		return err_set_errno(err, ERR_IO, errno, "keyspace: make an eventfd");
	}
	if (start_thread(wr, err) != 0) {
		close(wr->fd);
		free(wr);
		return err->code;
	}
	*out_writer = wr;
	return 0;
}

void writer_stop(struct writer *wr)
{
	pthread_mutex_lock(&wr->lock);
	wr->stopping = true;
	pthread_cond_signal(&wr->wake);
	pthread_mutex_unlock(&wr->lock);
	pthread_join(wr->thread, NULL);
}

void writer_free(struct writer *wr)
{
	if (wr == NULL)
		return;
	pthread_mutex_destroy(&wr->lock);
	pthread_cond_destroy(&wr->wake);
	close(wr->fd);
	free(wr);
}

/* --- for the program's thread ---------------------------------------------------------------- */

int writer_fd(const struct writer *wr)
{
	return wr->fd;
}

void writer_clear(struct writer *wr)
{
	uint64_t times;
	ssize_t rc;

	do {
		rc = read(wr->fd, &times, sizeof(times));
	} while (rc < 0 && errno == EINTR);
}

int writer_add(struct writer *wr, struct write *w, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&wr->lock);
	if (wr->stopping) {
		rc = err_set(err, ERR_UNAVAILABLE, "the keyspace is closed");
	} else if (wr->waiting >= wr->options.waiting_max) {
		rc = err_set(err, ERR_LIMIT, "keyspace: %zu writes wait already", wr->waiting);
	} else {
		wr->waiting++;
		list_append(&wr->queue, &w->link);
	}
	pthread_mutex_unlock(&wr->lock);
	if (rc == 0)
		pthread_cond_signal(&wr->wake); /* it finds the lock free */
	return rc;
}

void writer_look(struct writer *wr)
{
	pthread_mutex_lock(&wr->lock);
	if (!wr->expiring) {
		wr->expiring = true;
		pthread_cond_signal(&wr->wake);
	}
	pthread_mutex_unlock(&wr->lock);
}

struct write *writer_next(struct writer *wr)
{
	struct write *w = NULL;

	pthread_mutex_lock(&wr->lock);
	if (!list_empty(&wr->finished)) {
		w = container_of(wr->finished.next, struct write, link);
		list_remove(&w->link);
		wr->waiting--;
	}
	pthread_mutex_unlock(&wr->lock);
	return w;
}

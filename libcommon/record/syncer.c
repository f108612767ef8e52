#include "record/syncer.h"

#include "base/err.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct syncer {
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t changed;
	int fd;
	int dir;
	uint64_t wanted;
	uint64_t done;
	bool stopping;
	int failed; /* errno */
};

/* A file system without directories to sync (EINVAL) is content by itself. */
static int sync_dir(int dir)
{
	return fsync(dir) == 0 || errno == EINVAL ? 0 : errno;
}

/* One round without the lock; returns errno. */
static int sync_once(const struct syncer *s, bool first)
{
	int rc = first ? sync_dir(s->dir) : 0;

	if (rc == 0 && fdatasync(s->fd) != 0)
		rc = errno;
	return rc;
}

static void *run(void *arg)
{
	struct syncer *s = arg;
	bool first = true;

	pthread_mutex_lock(&s->lock);
	while (s->failed == 0) {
		uint64_t wanted = s->wanted;
		int failed;

		if (wanted == s->done && s->stopping)
			break;
		if (wanted == s->done) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		failed = sync_once(s, first);
		pthread_mutex_lock(&s->lock);
		first = false;
		s->failed = failed;
		if (failed == 0)
			s->done = wanted;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int start_thread(struct syncer *s)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int syncer_start(struct syncer **out, int fd, int dir, struct err *err)
{
	struct syncer *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_set_nomem(err);
	s->fd = fd;
	s->dir = dir;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	rc = start_thread(s);
	if (rc != 0) {
		free(s);
		return err_set_errno(err, ERR_IO, rc, "start a thread");
	}
	*out = s;
	return 0;
}

void syncer_request(struct syncer *s, uint64_t written)
{
	pthread_mutex_lock(&s->lock);
	s->wanted = written;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

uint64_t syncer_done(struct syncer *s)
{
	uint64_t done;

	pthread_mutex_lock(&s->lock);
	done = s->done;
	pthread_mutex_unlock(&s->lock);
	return done;
}

int syncer_check(struct syncer *s, struct err *err)
{
	int failed;

	pthread_mutex_lock(&s->lock);
	failed = s->failed;
	pthread_mutex_unlock(&s->lock);
	if (failed == ENOSPC || failed == EDQUOT)
		return err_set_errno(err, ERR_LIMIT, failed, "bring the recording to the disk");
	if (failed != 0)
		return err_set_errno(err, ERR_IO, failed, "bring the recording to the disk");
	return 0;
}

int syncer_stop(struct syncer *s, struct err *err)
{
	int rc;

	if (s == NULL)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	rc = syncer_check(s, err);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return rc;
}

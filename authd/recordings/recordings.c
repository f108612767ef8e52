#include "authd/recordings/recordings.h"
#include "authd/recordings/recordings_inside.h"

#include "authd/recordings/recording_file.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/strlist.h"
#include "crypto/key.h"
#include "loop/work.h"
#include "record/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNNING  4
#define WAITING  20000
#define SWEEP_MS (60 * 60 * 1000)

int recordings_reserve(struct recordings *r, size_t len, struct err *err)
{
	if (r->quota != 0 && r->used + (int64_t)len > r->quota)
		return err_set(err, ERR_LIMIT,
		               "recordings take %" PRId64 " of the %" PRId64
		               " bytes that they may take",
		               r->used, r->quota);
	r->used += (int64_t)len;
	r->written += (int64_t)len;
	return 0;
}

void recordings_give_back(struct recordings *r, size_t len)
{
	r->used -= (int64_t)len;
	r->written -= (int64_t)len;
}

/* --- what is there, and what is too old ------------------------------------------------------- */

/* One look over the folder, in a thread but for the first. */
struct sweep {
	struct work work;
	struct recordings *all; /* a reference */
	int dir;
	int64_t oldest; /* what was last written before this goes; ms */
	int64_t size;   /* of all that stay */
	struct strlist expired;
	struct err err;
};

static int visit(const char *sid, void *arg, struct err *err)
{
	struct sweep *s = arg;
	char name[SPOOL_NAME_SIZE];
	struct stat st;

	if (spool_name(name, sid, SPOOL_RECORDING, err) != 0 ||
	    fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	if (st.st_mtim.tv_sec * 1000LL < s->oldest)
		return strlist_add(&s->expired, sid, err);
	s->size += st.st_size;
	return 0;
}

static void look(struct sweep *s)
{
	spool_walk(s->dir, SPOOL_RECORDING, visit, s, &s->err);
}

/* On the loop: what somebody streams just now stays. */
static void remove_expired(const struct recordings *r, const struct strlist *expired)
{
	char name[SPOOL_NAME_SIZE], signature[RECORDING_SIGNATURE_NAME_SIZE];
	struct err err;

	for (size_t i = 0; i < expired->count; i++) {
		const char *sid = expired->items[i];

		if (map_get(r->uploads, sid) != NULL ||
		    spool_name(name, sid, SPOOL_RECORDING, &err) != 0)
			continue;
		unlinkat(r->dir, recording_file_signature_name(signature, sid), 0);
		unlinkat(r->dir, name, 0);
	}
}

static struct sweep sweep_of(struct recordings *r)
{
	int64_t now = clock_wall_ms(r->clock);

	return (struct sweep){ .all = r,
		               .dir = r->dir,
		               .oldest = r->keep_ms != 0 ? now - r->keep_ms : INT64_MIN };
}

static int sweep_now(struct recordings *r, struct err *err)
{
	struct sweep s = sweep_of(r);

	look(&s);
	if (s.err.code == 0) {
		remove_expired(r, &s.expired);
		r->used = s.size;
	}
	strlist_deinit(&s.expired);
	return s.err.code != 0 ? err_copy(err, &s.err) : 0;
}

static void run_sweep(struct work *w)
{
	look(container_of(w, struct sweep, work));
}

/* What was written meanwhile may be in both figures: the quota is rather too strict for an hour. */
static void on_swept(struct work *w, bool canceled)
{
	struct sweep *s = container_of(w, struct sweep, work);
	struct recordings *r = s->all;

	if (!canceled && s->err.code == 0) {
		remove_expired(r, &s->expired);
		r->used = s->size + r->written;
	}
	strlist_deinit(&s->expired);
	free(s);
	recordings_unref(r);
}

static void on_sweep(uv_timer_t *timer)
{
	struct recordings *r = container_of(timer, struct recordings, sweep);
	struct sweep *s = malloc(sizeof(*s));
	struct err err;

	if (s == NULL)
		return;
	*s = sweep_of(r);
	r->written = 0;
	if (recordings_work(r, &s->work, run_sweep, on_swept, &err) == 0)
		recordings_ref(r);
	else
		free(s);
}

/* --- open and close -------------------------------------------------------------------------- */

static int open_dir(const char *dir, int *out, struct err *err)
{
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "make folder '%s'", dir);
	*out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out >= 0 ? 0 : err_set_errno(err, ERR_IO, errno, "open folder '%s'", dir);
}

static void recordings_free(struct recordings *r)
{
	if (r->pool != NULL)
		work_pool_free(r->pool);
	if (r->dir >= 0)
		close(r->dir);
	map_free(r->uploads);
	key_unref(r->key);
	free(r);
}

int recordings_open(struct recordings **out, const struct recordings_spec *spec, struct err *err)
{
	struct recordings *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return err_set_nomem(err);
	*r = (struct recordings){ .refs = 1,
		                  .dir = -1,
		                  .quota = spec->quota,
		                  .keep_ms = spec->keep_ms,
		                  .key = key_ref(spec->key),
		                  .clock = spec->clock };
	list_init(&r->followers);
	r->uploads = map_new();
	r->pool = work_pool_new(spec->loop, RUNNING, WAITING);
	if (r->uploads == NULL || r->pool == NULL)
		rc = err_set_nomem(err);
	else
		rc = open_dir(spec->dir, &r->dir, err);
	if (rc == 0)
		rc = sweep_now(r, err);
	if (rc != 0) {
		recordings_free(r);
		return err_wrap(err, "open the recordings");
	}
	uv_timer_init(spec->loop, &r->sweep);
	uv_timer_start(&r->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	uv_unref((uv_handle_t *)&r->sweep);
	*out = r;
	return 0;
}

void recordings_set_key(struct recordings *r, struct key *key)
{
	key_unref(r->key);
	r->key = key_ref(key);
}

static void on_closed(uv_handle_t *timer)
{
	recordings_free(container_of((uv_timer_t *)timer, struct recordings, sweep));
}

struct recordings *recordings_ref(struct recordings *r)
{
	r->refs++;
	return r;
}

void recordings_unref(struct recordings *r)
{
	if (--r->refs == 0)
		uv_close((uv_handle_t *)&r->sweep, on_closed);
}

void recordings_close(struct recordings *r)
{
	if (r == NULL)
		return;
	work_pool_free(r->pool);
	r->pool = NULL;
	recordings_unref(r);
}

int recordings_work(struct recordings *r, struct work *w, work_run run, work_done done,
                    struct err *err)
{
	if (r->pool == NULL)
		return err_set(err, ERR_CANCELED, "authd is stopping");
	return work_start(r->pool, w, run, done, err);
}

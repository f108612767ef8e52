#include "authd/recordings.h"
#include "authd/recordings_inside.h"

#include "authd/recording_file.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
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
	return 0;
}

void recordings_give_back(struct recordings *r, size_t len)
{
	r->used -= (int64_t)len;
}

/* --- what is there, and what is too old ------------------------------------------------------- */

static void remove_recording(const struct recordings *r, const char *sid, const char *name)
{
	char signature[RECORDING_SIGNATURE_NAME_SIZE];

	unlinkat(r->dir, recording_file_signature_name(signature, sid), 0);
	unlinkat(r->dir, name, 0);
}

/* Counts a recording, or removes it when its time is over and nobody streams it. */
static int visit(const char *sid, void *arg, struct err *err)
{
	struct recordings *r = arg;
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	int64_t written;

	if (spool_name(name, sid, SPOOL_RECORDING, err) != 0 ||
	    fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	written = st.st_mtim.tv_sec * 1000LL;
	if (r->keep_ms != 0 && clock_wall_ms(r->clock) - written > r->keep_ms &&
	    map_get(r->uploads, sid) == NULL)
		remove_recording(r, sid, name);
	else
		r->used += st.st_size;
	return 0;
}

static int sweep(struct recordings *r, struct err *err)
{
	int64_t before = r->used;
	int rc;

	r->used = 0;
	rc = spool_walk(r->dir, SPOOL_RECORDING, visit, r, err);
	if (rc != 0)
		r->used = before;
	return rc;
}

static void on_sweep(uv_timer_t *timer)
{
	struct recordings *r = container_of(timer, struct recordings, sweep);
	struct err err;

	sweep(r, &err);
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
		rc = sweep(r, err);
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

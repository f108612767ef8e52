#include "daemon/upload.h"

#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "daemon/upload_file.h"
#include "daemon/upload_table.h"
#include "record/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define STREAMS_MAX    32
#define THREADS_MAX    2
#define THREADS_QUEUED 64 /* at most one piece of work per stream */

/* --- files of the spool ---------------------------------------------------------------------- */

/* A name that came or changed. */
static int take_name(struct upload *u, const char *sid, struct err *err)
{
	struct upload_file *f = map_get(u->by_sid, sid);

	if (f != NULL) {
		upload_file_changed(f);
		return 0;
	}
	f = upload_file_new(u, sid);
	if (f == NULL)
		return err_set_nomem(err);
	list_append(&u->files, &f->link);
	if (map_put(u->by_sid, sid, f, NULL) == 0)
		return 0;
	upload_file_close(f);
	return err_set_nomem(err);
}

static int take_walked(const char *sid, void *arg, struct err *err)
{
	return take_name(arg, sid, err);
}

static void take_all(struct upload *u)
{
	struct err err = { 0 };

	if (spool_walk(u->dir, SPOOL_RECORDING, take_walked, u, &err) != 0)
		log_error("spool not read", kv("reason", err.msg));
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct upload *u = watch->data;
	char sid[SPOOL_SID_SIZE];
	enum spool_kind kind;
	struct err err = { 0 };

	(void)events;
	if (status != 0 || name == NULL) {
		take_all(u); /* the kernel's queue ran over */
		return;
	}
	if (!spool_parse(name, &kind, sid) || kind != SPOOL_RECORDING)
		return;
	if (map_get(u->by_sid, sid) == NULL && faccessat(u->dir, name, F_OK, 0) != 0)
		return; /* we have just removed it */
	if (take_name(u, sid, &err) != 0)
		log_error("recording not taken", kv("sid", sid), kv("reason", err.msg));
}

/* --- streams --------------------------------------------------------------------------------- */

static void on_grant(void *owner)
{
	struct upload *u = owner;

	while (u->streams < STREAMS_MAX && !list_empty(&u->queue)) {
		struct upload_file *f = container_of(u->queue.next, struct upload_file, want);

		list_remove(&f->want);
		u->streams++;
		upload_file_granted(f);
	}
}

void upload_want_stream(struct upload *u, struct upload_file *f)
{
	list_append(&u->queue, &f->want);
	timer_once(u->grant, 0);
}

void upload_give_stream(struct upload *u)
{
	u->streams--;
	if (!u->closed)
		timer_once(u->grant, 0);
}

/* --- room ------------------------------------------------------------------------------------ */

void upload_count(struct upload *u, int64_t bytes)
{
	u->used += bytes;
}

int upload_check_room(const struct upload *u, struct err *err)
{
	if (u->used < u->conf.spool_max)
		return 0;
	return err_set(err, ERR_LIMIT,
	               "%lld MB of recordings wait for authd, and spool.max_size is %lld MB",
	               (long long)(u->used >> 20), (long long)(u->conf.spool_max >> 20));
}

/* --- life ------------------------------------------------------------------------------------ */

static void free_if_empty(struct upload *u)
{
	if (!u->closed || u->watching || !list_empty(&u->files))
		return;
	map_free(u->by_sid);
	if (u->dir >= 0)
		close(u->dir);
	free(u->path);
	free(u);
}

void upload_file_gone(struct upload *u, struct upload_file *f)
{
	list_remove(&f->link);
	if (map_get(u->by_sid, f->read.sid) == f)
		map_remove(u->by_sid, f->read.sid);
	free_if_empty(u);
}

static int open_spool(struct upload *u, struct err *err)
{
	int rc;

	u->path = str_printf("%s/spool", u->conf.data_dir);
	if (u->path == NULL)
		return err_set_nomem(err);
	u->dir = open(u->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->dir < 0)
		return err_set_errno(err, ERR_IO, errno, "open folder '%s'", u->path);
	uv_fs_event_init(u->conf.loop, &u->watch);
	u->watching = true;
	u->watch.data = u;
	rc = uv_fs_event_start(&u->watch, on_change, u->path, 0);
	return rc == 0 ? 0
	               : err_set(err, ERR_IO, "watch folder '%s': %s", u->path, uv_strerror(rc));
}

int upload_open(const struct upload_conf *conf, struct upload **out, struct err *err)
{
	struct upload *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return err_set_nomem(err);
	u->conf = *conf;
	u->dir = -1;
	list_init(&u->files);
	list_init(&u->queue);
	u->by_sid = map_new();
	u->grant = timer_new(conf->loop, on_grant, u);
	u->pool = work_pool_new(conf->loop, THREADS_MAX, THREADS_QUEUED);
	rc = u->by_sid == NULL || u->grant == NULL || u->pool == NULL ? err_set_nomem(err)
	                                                              : open_spool(u, err);
	if (rc != 0) {
		upload_close(u);
		return rc;
	}
	take_all(u);
	*out = u;
	return 0;
}

static void on_watch_closed(uv_handle_t *h)
{
	struct upload *u = h->data;

	u->watching = false;
	free_if_empty(u);
}

void upload_close(struct upload *u)
{
	struct list *next;

	if (u == NULL)
		return;
	timer_free(u->grant);
	u->closed = true;
	if (u->watching)
		uv_close((uv_handle_t *)&u->watch, on_watch_closed);
	work_pool_free(u->pool);
	for (struct list *at = u->files.next; at != &u->files; at = next) {
		next = at->next;
		upload_file_close(container_of(at, struct upload_file, link));
	}
	if (!u->watching)
		free_if_empty(u);
}

void upload_kick(struct upload *u)
{
	for (struct list *at = u->files.next; at != &u->files; at = at->next)
		upload_file_retry(container_of(at, struct upload_file, link));
}

#include "daemon/ended.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/host.h"
#include "file/file.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD_MAX 65536
#define CALL_MS    20000
#define RETRY_MS   5000
#define SYNC_MS    50 /* several sessions may end at once */

struct ended {
	struct host *host; /* NULL: closed, the call's callback is still due */
	const struct cache *cache;
	char dir[PATH_MAX];
	char sending[RAND_UUID_SIZE]; /* whose record the call carries */
	struct rpc_stream *call;      /* NULL: idle */
	struct timer *retry;
	struct timer *sync_due;
	struct work_pool *pool;
	struct work sync;
	bool syncing;
};

static void free_if_idle(struct ended *e)
{
	if (e->host != NULL || e->call != NULL || e->syncing)
		return;
	free(e);
}

static void path_of(const struct ended *e, const char *sid, char out[2 * PATH_MAX])
{
	snprintf(out, 2 * PATH_MAX, "%s/%s", e->dir, sid);
}

static int forget(const struct ended *e, const char *sid)
{
	char path[2 * PATH_MAX];

	path_of(e, sid, path);
	return unlink(path);
}

/* --- to authd -------------------------------------------------------------------------------- */

static void send_next(struct ended *e);

/* Whether authd would say the same to the same record tomorrow. Without a watch a denial may be of
 * the node, by a lock that will go. */
static bool is_final(const struct ended *e, const struct err *err)
{
	if (err->code == ERR_DENIED)
		return e->host != NULL && cache_live(e->cache);
	return err->code == ERR_INVALID || err->code == ERR_UNSUPPORTED;
}

static void on_put(void *ctx, const void *response, const struct err *err)
{
	struct ended *e = ctx;

	(void)response;
	e->call = NULL;
	if (err == NULL || is_final(e, err))
		forget(e, e->sending);
	if (err != NULL && is_final(e, err))
		log_error("session record refused", kv("sid", e->sending), kv("reason", err->msg));
	if (e->host == NULL)
		free_if_idle(e);
	else if (err == NULL || is_final(e, err))
		send_next(e);
	else
		timer_once(e->retry, RETRY_MS);
}

/* The name of some record that waits; false: none does. */
static bool find_next(const struct ended *e, char out_sid[RAND_UUID_SIZE])
{
	DIR *dir = opendir(e->dir);
	const struct dirent *entry;
	bool found = false;

	while (!found && dir != NULL && (entry = readdir(dir)) != NULL)
		found = entry->d_name[0] != '.' &&
		        str_copy(out_sid, RAND_UUID_SIZE, entry->d_name) == 0;
	if (dir != NULL)
		closedir(dir);
	return found;
}

static int load(const struct ended *e, const char *sid, pv_PutSessionRequest *out, struct err *err)
{
	char path[2 * PATH_MAX];
	struct buf bytes = { 0 };
	int rc;

	path_of(e, sid, path);
	rc = file_read(path, RECORD_MAX, &bytes, err);
	if (rc == 0)
		rc = fields_decode(&pv_PutSessionRequest_table, bytes.data, bytes.len, out, err);
	buf_deinit(&bytes);
	return rc;
}

static void send_one(struct ended *e, const pv_PutSessionRequest *request)
{
	struct err ignored = { 0 };

	if (rpc_unary_start(host_client(e->host), AUTH_PUT_SESSION, request, CALL_MS, on_put, e,
	                    &e->call, &ignored) != 0)
		timer_once(e->retry, RETRY_MS);
}

/* The first that can be read; those before it are given up. */
static void send_next(struct ended *e)
{
	pv_PutSessionRequest request = pv_PutSessionRequest_init_zero;
	struct err err = { 0 };
	bool sent = false;

	timer_stop(e->retry);
	while (!sent && find_next(e, e->sending)) {
		sent = load(e, e->sending, &request, &err) == 0;
		if (sent)
			send_one(e, &request);
		else
			log_error("session record dropped", kv("sid", e->sending),
			          kv("reason", err.msg));
		fields_release(&pv_PutSessionRequest_table, &request);
		if (!sent && forget(e, e->sending) != 0)
			return; /* what it is, an administrator must look at */
	}
}

static void on_retry(void *owner)
{
	send_next(owner);
}

void ended_kick(struct ended *e)
{
	if (e->call == NULL)
		send_next(e);
}

/* --- to disk --------------------------------------------------------------------------------- */

static void sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* In a thread: what waits, then that it is there. */
static void sync_run(struct work *w)
{
	const struct ended *e = container_of(w, struct ended, sync);
	DIR *dir = opendir(e->dir);
	const struct dirent *entry;
	char path[2 * PATH_MAX];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		path_of(e, entry->d_name, path);
		if (entry->d_name[0] != '.')
			sync_path(path, O_NOFOLLOW);
	}
	if (dir != NULL)
		closedir(dir);
	sync_path(e->dir, O_DIRECTORY);
}

static void sync_done(struct work *w, bool canceled)
{
	struct ended *e = container_of(w, struct ended, sync);

	(void)canceled;
	e->syncing = false;
	free_if_idle(e);
}

static void on_sync_due(void *owner)
{
	struct ended *e = owner;
	struct err ignored = { 0 };

	if (e->syncing)
		timer_once(e->sync_due, SYNC_MS);
	else
		e->syncing = work_start(e->pool, &e->sync, sync_run, sync_done, &ignored) == 0;
}

/* --- from sessions --------------------------------------------------------------------------- */

int ended_put(struct ended *e, const pv_PutSessionRequest *request, struct err *err)
{
	struct buf bytes = { .max = RECORD_MAX };
	char path[2 * PATH_MAX];
	int rc;

	path_of(e, request->session.metadata.name, path);
	rc = fields_encode(&pv_PutSessionRequest_table, request, &bytes, err);
	if (rc == 0)
		rc = file_replace_brief(path, bytes.data, bytes.len, 0600, err);
	buf_deinit(&bytes);
	if (rc == 0 && !timer_active(e->sync_due))
		timer_once(e->sync_due, SYNC_MS);
	if (rc == 0 && !timer_active(e->retry))
		ended_kick(e);
	return rc;
}

/* --- opening --------------------------------------------------------------------------------- */

int ended_open(uv_loop_t *loop, struct host *host, const struct cache *cache, const char *data_dir,
               struct ended **out, struct err *err)
{
	struct ended *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return err_set_nomem(err);
	e->host = host;
	e->cache = cache;
	e->retry = timer_new(loop, on_retry, e);
	e->sync_due = timer_new(loop, on_sync_due, e);
	e->pool = work_pool_new(loop, 1, 1);
	*out = e;
	if (e->retry == NULL || e->sync_due == NULL || e->pool == NULL)
		return err_set_nomem(err);
	snprintf(e->dir, sizeof(e->dir), "%s/ended", data_dir);
	if (file_make_dir(e->dir, 0700, err) != 0)
		return err->code;
	send_next(e);
	return 0;
}

void ended_close(struct ended *e)
{
	if (e == NULL)
		return;
	timer_free(e->retry);
	timer_free(e->sync_due);
	e->host = NULL;
	if (e->call != NULL)
		rpc_stream_cancel(e->call);
	work_pool_free(e->pool);
	free_if_idle(e);
}

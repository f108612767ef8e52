#include "kubeproxyd/sessions/sessions.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "cache/cache.h"
#include "daemon/audit_queue.h"
#include "daemon/ended.h"
#include "daemon/host_orders.h"
#include "daemon/upload.h"
#include "file/file.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "kubeproxyd/sessions/report.h"
#include "kubeproxyd/sessions/session.h"
#include "loop/work.h"
#include "record/spool.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY_RECORDING "/settings/recording/session-recording-config"
#define FOLDER        "sessions" /* of those that live; a file each, named after it */
#define RECORD_MAX    65536
#define ENDS_AT_ONCE  4
#define ENDS_WAITING  10000

struct sessions {
	struct kubeproxyd *k;
	struct list list; /* struct session */
	struct audit_queue *audit;
	struct ended *ended;
	struct host_orders *orders;
	struct upload *upload;
	struct work_pool *pool;
	int spool;
};

/* --- settings -------------------------------------------------------------------------------- */

const char *sessions_recording_mode(const struct kubeproxyd *k)
{
	const pv_Resource *r = cache_get(k->cache, KEY_RECORDING);
	const char *mode = r != NULL ? r->of.session_recording_config.spec.mode : NULL;

	return str_empty(mode) ? "node" : mode;
}

bool sessions_record(const struct kubeproxyd *k)
{
	return !str_eq(sessions_recording_mode(k), "off");
}

bool sessions_record_strictly(const struct kubeproxyd *k)
{
	const char *mode = sessions_recording_mode(k);

	return str_eq(mode, "node-sync") || str_eq(mode, "proxy-sync");
}

/* --- files of those that live ---------------------------------------------------------------- */

static void path_of(const struct sessions *all, const char *sid, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/" FOLDER "/%s", all->k->conf.data_dir, sid);
}

void sessions_keep(struct sessions *all, const struct session *s)
{
	const pv_PutSessionRequest record = report_record(s, 0);
	struct buf bytes = { 0 };
	struct err err = { 0 };
	char path[PATH_MAX];

	if (s->forwards || (!s->tty && !s->recorded))
		return;
	path_of(all, s->sid, path);
	if (fields_encode(&pv_PutSessionRequest_table, &record, &bytes, &err) != 0 ||
	    file_replace_brief(path, bytes.data, bytes.len, 0600, &err) != 0)
		log_warn("session not written down", kv("sid", s->sid), kv("reason", err.msg));
	buf_deinit(&bytes);
}

void sessions_add(struct sessions *all, struct session *s)
{
	list_append(&all->list, &s->link);
	sessions_keep(all, s);
}

struct session *sessions_find(const struct sessions *all, const char *sid)
{
	for (struct list *at = all->list.next; at != &all->list; at = at->next) {
		struct session *s = container_of(at, struct session, link);

		if (str_eq(s->sid, sid))
			return s;
	}
	return NULL;
}

void sessions_forget(struct sessions *all, const struct session *s)
{
	char path[PATH_MAX];

	path_of(all, s->sid, path);
	unlink(path);
}

/* The last kubeproxyd died over this one. */
static void bury(struct sessions *all, const char *sid)
{
	pv_PutSessionRequest record = pv_PutSessionRequest_init_zero;
	struct buf bytes = { 0 };
	struct err err = { 0 };
	char path[PATH_MAX];

	path_of(all, sid, path);
	if (file_read(path, RECORD_MAX, &bytes, &err) == 0 &&
	    fields_decode(&pv_PutSessionRequest_table, bytes.data, bytes.len, &record, &err) == 0)
		report_orphan(all->k, &record.session);
	else
		log_warn("session forgotten", kv("sid", sid), kv("reason", err.msg));
	unlink(path);
	fields_release(&pv_PutSessionRequest_table, &record);
	buf_deinit(&bytes);
}

static int bury_all(struct sessions *all, struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	path_of(all, "", path);
	if (file_make_dir(path, 0700, err) != 0)
		return err->code;
	dir = opendir(path);
	if (dir == NULL)
		return err_set_errno(err, ERR_IO, errno, "open folder '%s'", path);
	while ((entry = readdir(dir)) != NULL) {
		if (spool_is_sid(entry->d_name))
			bury(all, entry->d_name);
	}
	closedir(dir);
	return 0;
}

/* --- orders ---------------------------------------------------------------------------------- */

static void obey(void *ctx, const pv_Session *record)
{
	static const struct err why = { ERR_CANCELED, "ended by an administrator", 0 };
	const struct sessions *all = ctx;
	struct session *s = sessions_find(all, record->metadata.name);

	if (s == NULL || s->ending)
		return;
	if (record->spec.ended != 0) /* we were silent for so long that we counted as gone */
		report_alive(s);
	if (record->spec.terminate)
		session_stop(s, &why);
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_spool(struct sessions *all, struct err *err)
{
	const struct kubeproxyd *k = all->k;
	const struct upload_conf conf = { .loop = k->loop,
		                          .host = k->host,
		                          .data_dir = k->conf.data_dir,
		                          .spool_max = k->conf.spool_max };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/spool", k->conf.data_dir);
	if (file_make_dir(path, 0700, err) != 0)
		return err->code;
	all->spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (all->spool < 0)
		return err_set_errno(err, ERR_IO, errno, "open folder '%s'", path);
	return upload_open(&conf, &all->upload, err);
}

int sessions_open(struct kubeproxyd *k, struct sessions **out, struct err *err)
{
	struct sessions *all = calloc(1, sizeof(*all));
	int rc;

	if (all == NULL)
		return err_set_nomem(err);
	*out = all;
	all->k = k;
	all->spool = -1;
	list_init(&all->list);
	all->pool = work_pool_new(k->loop, ENDS_AT_ONCE, ENDS_WAITING);
	rc = all->pool == NULL
	             ? err_set_nomem(err)
	             : audit_queue_open(k->loop, k->host, k->conf.data_dir, &all->audit, err);
	if (rc == 0)
		rc = ended_open(k->loop, k->host, k->cache, k->conf.data_dir, &all->ended, err);
	if (rc == 0)
		rc = bury_all(all, err);
	if (rc == 0)
		rc = host_orders_open(k->host, k->cache, obey, all, &all->orders, err);
	return rc == 0 ? open_spool(all, err) : rc;
}

void sessions_close(struct sessions *all)
{
	if (all == NULL)
		return;
	work_pool_free(all->pool);
	upload_close(all->upload);
	ended_close(all->ended);
	host_orders_close(all->orders);
	audit_queue_close(all->audit);
	if (all->spool >= 0)
		close(all->spool);
	free(all);
}

void sessions_kick(struct sessions *all)
{
	audit_queue_kick(all->audit);
	ended_kick(all->ended);
	upload_kick(all->upload);
	for (struct list *at = all->list.next; at != &all->list; at = at->next)
		report_alive(container_of(at, struct session, link));
}

struct audit_queue *sessions_audit(const struct sessions *all)
{
	return all->audit;
}

struct ended *sessions_ended(const struct sessions *all)
{
	return all->ended;
}

struct upload *sessions_upload(const struct sessions *all)
{
	return all->upload;
}

struct work_pool *sessions_pool(const struct sessions *all)
{
	return all->pool;
}

int sessions_spool(const struct sessions *all)
{
	return all->spool;
}

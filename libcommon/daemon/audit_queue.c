#include "daemon/audit_queue.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/span.h"
#include "daemon/host.h"
#include "loop/timer.h"
#include "loop/work.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/audit.fields.h"
#include "proto/auth.fields.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_MAX   (64 * 1024 * 1024)
#define EVENT_MAX   65536
#define BATCH_MAX   100
#define BATCH_BYTES (256 * 1024)
#define RETRY_MS    2000
#define CALL_MS     30000
#define SYNC_MS     50

/*
 *   IDLE --something waits--> SENDING --acknowledged--> IDLE (again, if more waits)
 *                                \--failed--> IDLE, tried again by timer or kick
 */
struct audit_queue {
	struct host *host; /* NULL: closed, a callback is still due */
	int fd;
	off_t size; /* of the file */
	off_t sent; /* acknowledged by authd, up to here */
	off_t sending;
	struct rpc_stream *call;
	struct timer *retry;
	struct timer *sync_due;
	struct work_pool *pool;
	struct work sync;
	bool syncing;
};

static void send_next(struct audit_queue *q);

static void queue_free_if_idle(struct audit_queue *q)
{
	if (q->host != NULL || q->call != NULL || q->syncing)
		return;
	close(q->fd);
	free(q);
}

/* --- to disk --------------------------------------------------------------------------------- */

static void sync_run(struct work *w)
{
	fdatasync(container_of(w, struct audit_queue, sync)->fd);
}

static void sync_done(struct work *w, bool canceled)
{
	struct audit_queue *q = container_of(w, struct audit_queue, sync);

	(void)canceled;
	q->syncing = false;
	queue_free_if_idle(q);
}

static void on_sync_due(void *owner)
{
	struct audit_queue *q = owner;
	struct err ignored = { 0 };

	if (q->syncing)
		timer_once(q->sync_due, SYNC_MS);
	else
		q->syncing = work_start(q->pool, &q->sync, sync_run, sync_done, &ignored) == 0;
}

static int append(struct audit_queue *q, const struct buf *frame, struct err *err)
{
	ssize_t n = pwrite(q->fd, frame->data, frame->len, q->size);

	if (n == (ssize_t)frame->len) {
		q->size += n;
		return 0;
	}
	err_set_errno(err, ERR_IO, n < 0 ? errno : ENOSPC, "write the audit queue");
	if (ftruncate(q->fd, q->size) != 0)
		return err_wrap(err, "and it could not be cut back");
	return ERR_IO;
}

int audit_queue_put(struct audit_queue *q, const pv_AuditEvent *event, struct err *err)
{
	struct buf body = { .max = EVENT_MAX };
	struct buf frame = { 0 };
	int rc;

	if (audit_queue_full(q))
		return err_set(err, ERR_LIMIT,
		               "the audit queue holds %d MB that authd has not heard",
		               QUEUE_MAX >> 20);
	rc = fields_encode(&pv_AuditEvent_table, event, &body, err);
	if (rc == 0) {
		buf_append_u32(&frame, (uint32_t)body.len);
		buf_append(&frame, body.data, body.len);
		rc = buf_check(&frame, err);
	}
	if (rc == 0)
		rc = append(q, &frame, err);
	buf_deinit(&body);
	buf_deinit(&frame);
	if (rc == 0 && !timer_active(q->sync_due))
		timer_once(q->sync_due, SYNC_MS);
	if (rc == 0 && q->call == NULL && !timer_active(q->retry))
		send_next(q);
	return rc;
}

bool audit_queue_full(const struct audit_queue *q)
{
	return q->size >= QUEUE_MAX;
}

/* --- to authd -------------------------------------------------------------------------------- */

/* Decodes whole events from the front of `data`; returns how many bytes they took. */
static size_t take_events(const uint8_t *data, size_t len, pv_EmitAuditRequest *out,
                          struct err *err)
{
	size_t at = 0;

	while (out->events_count < BATCH_MAX && len - at >= 4) {
		uint32_t size = span_u32_at(data + at);
		pv_AuditEvent *event;

		if (size > EVENT_MAX)
			break;
		if (len - at - 4 < size)
			break;
		event = fields_add(&out->events, &out->events_count, sizeof(*event), err);
		if (event == NULL ||
		    fields_decode(&pv_AuditEvent_table, data + at + 4, size, event, err) != 0)
			break;
		at += 4 + size;
	}
	return at;
}

static void on_acknowledged(struct audit_queue *q)
{
	q->sent = q->sending;
	if (q->sent == q->size && ftruncate(q->fd, 0) == 0)
		q->sent = q->size = 0;
}

static void on_emitted(void *ctx, const void *response, const struct err *err)
{
	struct audit_queue *q = ctx;

	(void)response;
	q->call = NULL;
	if (err == NULL)
		on_acknowledged(q);
	if (q->host == NULL) {
		queue_free_if_idle(q);
		return;
	}
	if (err == NULL) {
		send_next(q);
		return;
	}
	log_warn("audit events not sent", kv("reason", err->msg), kv("waiting", q->size - q->sent));
	timer_once(q->retry, RETRY_MS);
}

/* Bytes that are no event, as a crash in the middle of a write leaves them: given up. */
static void drop_rest(struct audit_queue *q)
{
	log_error("audit queue damaged", kv("dropped", q->size - q->sent));
	if (ftruncate(q->fd, q->sent) == 0)
		q->size = q->sent;
}

static void send_batch(struct audit_queue *q, const uint8_t *data, size_t len)
{
	pv_EmitAuditRequest request = pv_EmitAuditRequest_init_zero;
	struct err err = { 0 };
	size_t used = take_events(data, len, &request, &err);

	if (used == 0) {
		drop_rest(q);
	} else {
		q->sending = q->sent + (off_t)used;
		if (rpc_unary_start(host_client(q->host), AUTH_EMIT_AUDIT, &request, CALL_MS,
		                    on_emitted, q, &q->call, &err) != 0)
			timer_once(q->retry, RETRY_MS);
	}
	fields_release(&pv_EmitAuditRequest_table, &request);
}

static void send_next(struct audit_queue *q)
{
	static uint8_t bytes[BATCH_BYTES];
	ssize_t n;

	timer_stop(q->retry);
	if (q->sent == q->size)
		return;
	n = pread(q->fd, bytes, sizeof(bytes), q->sent);
	if (n > 0)
		send_batch(q, bytes, (size_t)n);
	else
		timer_once(q->retry, RETRY_MS);
}

static void on_retry(void *owner)
{
	send_next(owner);
}

void audit_queue_kick(struct audit_queue *q)
{
	if (q->call == NULL)
		send_next(q);
}

/* --- opening --------------------------------------------------------------------------------- */

static int open_file(struct audit_queue *q, const char *data_dir, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/audit-queue", data_dir);
	q->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (q->fd < 0 || fstat(q->fd, &st) != 0)
		return err_set_errno(err, ERR_IO, errno, "open '%s'", path);
	q->size = st.st_size;
	return 0;
}

int audit_queue_open(uv_loop_t *loop, struct host *host, const char *data_dir,
                     struct audit_queue **out, struct err *err)
{
	struct audit_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return err_set_nomem(err);
	q->host = host;
	q->fd = -1;
	q->retry = timer_new(loop, on_retry, q);
	q->sync_due = timer_new(loop, on_sync_due, q);
	q->pool = work_pool_new(loop, 1, 1);
	*out = q;
	if (q->retry == NULL || q->sync_due == NULL || q->pool == NULL)
		return err_set_nomem(err);
	return open_file(q, data_dir, err);
}

void audit_queue_close(struct audit_queue *q)
{
	if (q == NULL)
		return;
	timer_free(q->retry);
	timer_free(q->sync_due);
	q->host = NULL;
	if (q->call != NULL)
		rpc_stream_cancel(q->call);
	work_pool_free(q->pool);
	queue_free_if_idle(q);
}

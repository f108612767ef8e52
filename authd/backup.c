/*
 * backup - a snapshot of the whole keyspace is sent to the local administrator (Backup).
 *
 *   WORKING (the thread: the snapshot to an unnamed file, then a piece of it)
 *      |--piece--> SENDING --writable--> WORKING
 *      `--end of the file--> ended
 *
 * The file first, so that a client that is slow, or stops, holds no snapshot of the keyspace open.
 */
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/methods.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/list.h"
#include "loop/work.h"
#include "rpc/server.h"
#include "store/backup.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_MAX 32768u
#define PATH_ROOM 1024

enum state { SENDING, WORKING };

struct backup {
	struct rpc_call *call; /* NULL: over, only the thread is waited for */
	enum state state;
	struct work_pool *pool; /* of one thread */

	/* The thread's, while WORKING. */
	struct work work;
	struct keyspace *keyspace;
	char path[PATH_ROOM]; /* a template for mkstemp(3) */
	FILE *file;           /* NULL = not yet written */
	size_t len;
	struct err err;
	uint8_t piece[offsetof(pb_bytes_array_t, bytes) + CHUNK_MAX]; /* a pb_bytes_array_t */
};

static void backup_free(struct backup *b)
{
	if (b->file != NULL)
		fclose(b->file);
	work_pool_free(b->pool);
	explicit_bzero(b->piece, sizeof(b->piece));
	free(b);
}

static void leave(struct backup *b)
{
	b->call = NULL;
	if (b->state != WORKING)
		backup_free(b);
}

static void fail(struct backup *b, const struct err *err)
{
	rpc_call_fail(b->call, err);
	leave(b);
}

static pb_bytes_array_t *piece_of(struct backup *b)
{
	return (pb_bytes_array_t *)(void *)b->piece;
}

/* --- WORKING --------------------------------------------------------------------------------- */

/* The file has no name as soon as it has content. */
static int open_file(struct backup *b, struct err *err)
{
	int fd = mkostemp(b->path, O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "make '%s'", b->path);
	unlink(b->path);
	b->file = fdopen(fd, "w+");
	if (b->file != NULL)
		return 0;
	close(fd);
	return err_set_nomem(err);
}

static int write_snapshot(struct backup *b, struct err *err)
{
	if (open_file(b, err) != 0 || backup_write(b->keyspace, b->file, err) != 0)
		return err->code;
	rewind(b->file);
	return 0;
}

static void run(struct work *w)
{
	struct backup *b = container_of(w, struct backup, work);

	if (b->file == NULL && write_snapshot(b, &b->err) != 0)
		return;
	b->len = fread(piece_of(b)->bytes, 1, CHUNK_MAX, b->file);
	if (ferror(b->file))
		err_set_errno(&b->err, ERR_IO, errno, "read the backup");
}

/* --- SENDING --------------------------------------------------------------------------------- */

static void step(struct backup *b);

static void send_piece(struct backup *b)
{
	const pv_BackupChunk chunk = { .data = piece_of(b) };
	struct err err;

	piece_of(b)->size = (pb_size_t)b->len;
	if (rpc_call_send(b->call, &chunk, &err) != 0)
		fail(b, &err);
	else
		step(b);
}

static void on_worked(struct work *w, bool canceled)
{
	struct backup *b = container_of(w, struct backup, work);

	b->state = SENDING;
	if (canceled && b->err.code == 0)
		err_set(&b->err, ERR_CANCELED, "shutting down");
	if (b->call == NULL) {
		backup_free(b);
	} else if (b->err.code != 0) {
		fail(b, &b->err);
	} else if (b->len > 0) {
		send_piece(b);
	} else {
		rpc_call_finish(b->call);
		leave(b);
	}
}

/* Reads on as soon as the client takes more. */
static void step(struct backup *b)
{
	struct err err;

	if (b->state != SENDING || !rpc_call_writable(b->call))
		return;
	b->state = WORKING;
	if (work_start(b->pool, &b->work, run, on_worked, &err) != 0) {
		b->state = SENDING;
		fail(b, &err);
	}
}

/* --- the call -------------------------------------------------------------------------------- */

static void on_writable(struct rpc_call *call)
{
	step(rpc_call_data(call));
}

static void on_canceled(struct rpc_call *call)
{
	leave(rpc_call_data(call));
}

static struct backup *backup_new(struct rpc_call *call)
{
	struct backup *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->call = call;
	b->keyspace = authd_of(call)->keyspace;
	snprintf(b->path, sizeof(b->path), "%s/backup.XXXXXX", authd_of(call)->conf.data_dir);
	b->pool = work_pool_new(authd_of(call)->loop, 1, 1);
	if (b->pool == NULL) {
		backup_free(b);
		return NULL;
	}
	return b;
}

static void audit(struct authd *a, struct rpc_call *call)
{
	struct audit_event e;

	audit_event_init(&e, AUDIT_KEYSPACE_BACKUP, true, authd_now(a));
	audit_log_caller(&e, call);
	audit_log_report(a, &e);
}

void handle_backup(struct rpc_call *call)
{
	static const struct rpc_call_events events = {
		.writable = on_writable,
		.canceled = on_canceled,
	};
	struct backup *b = backup_new(call);
	struct err err;

	if (b == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	rpc_call_set_events(call, &events, b);
	audit(authd_of(call), call);
	step(b);
}

/* tctl backup - the whole keyspace into a file that appears once it is complete, or to "-". */
#include "tctl/api.h"
#include "tctl/cmd.h"

#include "base/err.h"
#include "base/str.h"
#include "rpc/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct download {
	FILE *to;
	bool done;
	struct err err;
};

static void on_chunk(struct rpc_stream *s, const void *message)
{
	const pv_BackupChunk *chunk = message;
	struct download *d = rpc_stream_data(s);

	if (d->err.code != 0 || chunk->data == NULL || chunk->data->size == 0)
		return;
	if (fwrite(chunk->data->bytes, chunk->data->size, 1, d->to) != 1) {
		err_set_errno(&d->err, ERR_IO, errno, "write");
		rpc_stream_cancel(s);
	}
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct download *d = rpc_stream_data(s);

	if (err != NULL && d->err.code == 0)
		d->err = *err;
	d->done = true;
}

static int download(struct tctl *t, FILE *to, struct err *err)
{
	static const struct rpc_stream_events events = { .message = on_chunk, .closed = on_closed };
	const pv_BackupRequest request = { 0 };
	struct download d = { .to = to };

	if (api_open(t, err) != 0 ||
	    rpc_stream_start(t->client, AUTH_BACKUP, &request, 0, &events, &d, NULL, err) != 0)
		return err->code;
	while (!d.done)
		uv_run(&t->loop, UV_RUN_ONCE);
	return d.err.code == 0 ? 0 : err_copy(err, &d.err);
}

static FILE *create(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file != NULL)
		return file;
	err_set_errno(err, ERR_IO, errno, "make '%s'", path);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int settle(FILE *file, const char *fresh, const char *path, struct err *err)
{
	if (fflush(file) != 0 || fsync(fileno(file)) != 0 || rename(fresh, path) != 0)
		return err_set_errno(err, ERR_IO, errno, "write '%s'", path);
	return 0;
}

/* Beside its place, under a name of its own, until all of it is there. */
static int download_to(struct tctl *t, const char *path, struct err *err)
{
	char *fresh = str_printf("%s.%d", path, (int)getpid());
	FILE *file = fresh != NULL ? create(fresh, err) : NULL;
	int rc;

	if (file == NULL) {
		rc = fresh != NULL ? err->code : err_set_nomem(err);
		free(fresh);
		return rc;
	}
	rc = download(t, file, err);
	if (rc == 0)
		rc = settle(file, fresh, path, err);
	if (rc != 0)
		unlink(fresh);
	fclose(file);
	free(fresh);
	return rc;
}

int cmd_backup(struct tctl *t, int argc, char **argv, struct err *err)
{
	int rc = cmd_parse(t, NULL, 1, 1, &argc, argv, err);

	if (rc != 0)
		return rc;
	if (strcmp(argv[0], "-") != 0)
		return download_to(t, argv[0], err);
	if (isatty(fileno(t->out)))
		return err_set(err, ERR_INVALID, "a backup is not for a terminal: name a file");
	return download(t, t->out, err);
}

#include "tsh/fetch.h"

#include "base/err.h"
#include "base/str.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "tsh/api.h"

#include "proto/auth.pb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct fetch {
	struct api *api;
	struct rpc_stream *stream; /* NULL: over */
	int fd;
	int64_t size; /* bytes so far */
	struct err err;
};

static int open_file(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(str_empty(dir) ? "/tmp" : dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		err_set_errno(err, ERR_IO, errno, "make a temporary file");
	return fd;
}

static int append(struct fetch *f, const pv_RecordingChunk *chunk, struct err *err)
{
	size_t at = 0;

	if (chunk->offset != f->size)
		return err_set(err, ERR_CORRUPT, "a piece of the recording is missing");
	while (chunk->data != NULL && at < chunk->data->size) {
		ssize_t n = write(f->fd, chunk->data->bytes + at, chunk->data->size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, ERR_IO, errno, "keep the recording");
		at += (size_t)n;
	}
	f->size += (int64_t)at;
	return 0;
}

static void on_chunk(struct rpc_stream *s, const void *message)
{
	struct fetch *f = rpc_stream_data(s);

	if (f->err.code == 0 && append(f, message, &f->err) != 0)
		rpc_stream_cancel(s);
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	struct fetch *f = rpc_stream_data(s);

	if (err != NULL && f->err.code == 0)
		f->err = *err;
	f->stream = NULL;
}

static const struct rpc_stream_events events = { .message = on_chunk, .closed = on_closed };

static int start(struct fetch *f, const char *sid, bool follow, struct err *err)
{
	const pv_GetRecordingRequest request = { .session_id = (char *)(uintptr_t)sid,
		                                 .offset = f->size,
		                                 .follow = follow };

	return rpc_stream_start(f->api->client, AUTH_GET_RECORDING, &request, 0, &events, f,
	                        &f->stream, err);
}

static void run_out(struct fetch *f)
{
	while (f->stream != NULL)
		uv_run(&f->api->tsh->loop, UV_RUN_ONCE);
}

int fetch_recording(struct api *a, const char *sid, int *out_fd, struct err *err)
{
	struct fetch f = { .api = a, .fd = open_file(err) };
	int rc;

	if (f.fd < 0)
		return err->code;
	rc = start(&f, sid, false, err);
	run_out(&f);
	if (rc == 0 && f.err.code != 0)
		rc = err_copy(err, &f.err);
	if (rc != 0) {
		close(f.fd);
		return err_wrap(err, "recording of '%s'", sid);
	}
	*out_fd = f.fd;
	return 0;
}

int fetch_follow(struct api *a, const char *sid, int fd, struct fetch **out, struct err *err)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_set_nomem(err);
	*f = (struct fetch){ .api = a, .fd = fd, .size = lseek(fd, 0, SEEK_CUR) };
	if (start(f, sid, true, err) != 0) {
		free(f);
		return err->code;
	}
	*out = f;
	return 0;
}

bool fetch_done(const struct fetch *f, struct err *err)
{
	*err = f->err;
	return f->stream == NULL;
}

void fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	if (f->stream != NULL)
		rpc_stream_cancel(f->stream);
	run_out(f);
	free(f);
}

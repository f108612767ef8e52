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
	int fd;
	int64_t size; /* bytes so far */
	bool done;
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
	f->done = true;
}

static const struct rpc_stream_events events = { .message = on_chunk, .closed = on_closed };

int fetch_recording(struct api *a, const char *sid, int *out_fd, struct err *err)
{
	pv_GetRecordingRequest request = { .session_id = (char *)(uintptr_t)sid };
	struct fetch f = { .fd = open_file(err) };
	int rc;

	if (f.fd < 0)
		return err->code;
	rc = rpc_stream_start(a->client, AUTH_GET_RECORDING, &request, 0, &events, &f, NULL, err);
	while (rc == 0 && !f.done)
		uv_run(&a->tsh->loop, UV_RUN_ONCE);
	if (rc == 0 && f.err.code != 0)
		rc = err_copy(err, &f.err);
	if (rc != 0) {
		close(f.fd);
		return err_wrap(err, "recording of '%s'", sid);
	}
	*out_fd = f.fd;
	return 0;
}

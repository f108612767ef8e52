#include "record/recording.h"

#include "base/err.h"
#include "record/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE (64u * 1024)

struct recording {
	int fd;
	uint64_t at; /* bytes of the file that were fed to the reader */
	struct frame_reader reader;
	uint8_t piece[PIECE];
};

int recording_open(struct recording **out, int take_fd, struct err *err)
{
	struct recording *r = malloc(sizeof(*r));

	if (r == NULL) {
		close(take_fd);
		return err_set_nomem(err);
	}
	r->fd = take_fd;
	r->at = 0;
	frame_reader_init(&r->reader);
	*out = r;
	return 0;
}

void recording_close(struct recording *r)
{
	if (r == NULL)
		return;
	frame_reader_deinit(&r->reader);
	close(r->fd);
	free(r);
}

void recording_rewind(struct recording *r)
{
	frame_reader_reset(&r->reader);
	r->at = 0;
}

/* Feeds the next piece of the file; *out_len is 0 where it ends. */
static int feed(struct recording *r, size_t *out_len, struct err *err)
{
	ssize_t n;

	do
		n = pread(r->fd, r->piece, sizeof(r->piece), (off_t)r->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set_errno(err, ERR_IO, errno, "read the recording");
	*out_len = (size_t)n;
	r->at += (uint64_t)n;
	return frame_reader_feed(&r->reader, r->piece, (size_t)n, err);
}

int recording_next(struct recording *r, const pv_Frame **out_frame, struct err *err)
{
	size_t len = 1;
	int rc;

	for (;;) {
		rc = frame_reader_next(&r->reader, out_frame, err);
		if (rc != 0 || *out_frame != NULL || len == 0)
			return rc;
		rc = feed(r, &len, err);
		if (rc != 0)
			return rc;
	}
}

bool recording_ended(const struct recording *r)
{
	return r->reader.chain.ended;
}

uint64_t recording_good(const struct recording *r)
{
	return r->reader.good;
}

const struct frame_chain *recording_chain(const struct recording *r)
{
	return &r->reader.chain;
}

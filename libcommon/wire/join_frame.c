#include "wire/join_frame.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"

#include <string.h>

#define DATA_MAX 32768u

static void append(struct buf *out, const pv_JoinFrame *f)
{
	struct err ignored; /* the buf remembers it */

	framing_append(&pv_JoinFrame_table, f, JOIN_FRAME_MAX, out, &ignored);
}

void join_frame_output(struct buf *out, const void *data, size_t len)
{
	static struct {
		pb_size_t size;
		uint8_t bytes[DATA_MAX];
	} part;
	pv_JoinFrame f = { .which_of = pv_JoinFrame_output_tag };
	const uint8_t *at = data;

	for (size_t n; len > 0; at += n, len -= n) {
		n = len < DATA_MAX ? len : DATA_MAX;
		part.size = (pb_size_t)n;
		memcpy(part.bytes, at, n);
		f.of.output = (pb_bytes_array_t *)(void *)&part;
		append(out, &f);
	}
}

void join_frame_size(struct buf *out, unsigned columns, unsigned rows)
{
	pv_JoinFrame f = { .which_of = pv_JoinFrame_size_tag };

	f.of.size.columns = columns;
	f.of.size.rows = rows;
	append(out, &f);
}

void join_frame_notice(struct buf *out, const char *user, const char *mode, bool joined)
{
	pv_JoinFrame f = { .which_of = pv_JoinFrame_notice_tag };

	f.of.notice.user = (char *)(uintptr_t)user;
	f.of.notice.mode = (char *)(uintptr_t)mode;
	f.of.notice.joined = joined;
	append(out, &f);
}

void join_frame_end(struct buf *out, int exit_code, const char *reason)
{
	pv_JoinFrame f = { .which_of = pv_JoinFrame_end_tag };

	f.of.end.exit_code = exit_code;
	f.of.end.reason = (char *)(uintptr_t)reason;
	append(out, &f);
}

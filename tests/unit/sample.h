/*
 * sample - a small recording for tests: start, output, resize, participant, more output, end.
 */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include "base/buf.h"
#include "base/err.h"
#include "record/frame.h"

#include "tests/unit/unit.h"

#include <string.h>

#define SAMPLE_SID  "0f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"
#define SAMPLE_TIME 1763628000000 /* 2025-11-20T08:40:00Z */

static inline pv_RecordStart sample_start(void)
{
	return (pv_RecordStart){ .session_id = (char *)SAMPLE_SID,
		                 .cluster = (char *)"example",
		                 .node_id = (char *)"5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11",
		                 .node_name = (char *)"web-1",
		                 .user = (char *)"alice",
		                 .login = (char *)"root",
		                 .kind = (char *)"ssh",
		                 .terminal = true,
		                 .columns = 80,
		                 .rows = 24,
		                 .client_addr = (char *)"192.0.2.7:51234",
		                 .term = (char *)"xterm" };
}

static inline void sample_append(struct buf *out, struct frame_chain *chain, const pv_Frame *f)
{
	struct err err = { 0 };

	if (frame_append(out, chain, f, &err) != 0)
		fail_msg("%s", err.msg);
}

static inline void sample_data(struct buf *out, struct frame_chain *chain, pb_size_t tag,
                               int64_t ms, const char *text)
{
	size_t len = strlen(text);
	pb_bytes_array_t *data = malloc(sizeof(*data) + len);
	pv_Frame f = { .time = SAMPLE_TIME + ms, .which_of = tag };

	assert_non_null(data);
	data->size = (pb_size_t)len;
	memcpy(data->bytes, text, len);
	f.of.output = data;
	sample_append(out, chain, &f);
	free(data);
}

static inline void sample_begin(struct buf *out, struct frame_chain *chain)
{
	pv_Frame f = { .time = SAMPLE_TIME, .which_of = pv_Frame_start_tag };

	f.of.start = sample_start();
	buf_append(out, FRAME_MAGIC, FRAME_MAGIC_SIZE);
	sample_append(out, chain, &f);
}

static inline void sample_end(struct buf *out, struct frame_chain *chain, int64_t ms, int code)
{
	pv_Frame f = { .time = SAMPLE_TIME + ms, .which_of = pv_Frame_end_tag };

	f.of.end.exit_code = code;
	sample_append(out, chain, &f);
}

/* The whole of it. */
static inline void sample_recording(struct buf *out)
{
	struct frame_chain chain = { 0 };
	pv_Frame resize = { .time = SAMPLE_TIME + 1500, .which_of = pv_Frame_resize_tag };
	pv_Frame joined = { .time = SAMPLE_TIME + 1600, .which_of = pv_Frame_participant_tag };

	sample_begin(out, &chain);
	sample_data(out, &chain, pv_Frame_output_tag, 250, "$ \x1b[1mls\x1b[0m\r\n");
	sample_data(out, &chain, pv_Frame_output_tag, 1300, "caf\xc3");
	sample_data(out, &chain, pv_Frame_output_tag, 1400, "\xa9  \"x\"\r\n");
	resize.of.resize = (pv_RecordResize){ 120, 40 };
	sample_append(out, &chain, &resize);
	joined.of.participant = (pv_RecordParticipant){ (char *)"bob", (char *)"observer", true };
	sample_append(out, &chain, &joined);
	sample_data(out, &chain, pv_Frame_error_output_tag, 2000, "bad \xff byte\r\nlast");
	sample_end(out, &chain, 2100, 3);
}

#endif

/*
 * tsh join - into a live session: everybody sees everything; a peer types too.
 *
 *   find the session's node --> join_stream --> frames both ways until its end or "~."
 */
#include "tsh/api.h"
#include "tsh/cmd.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "conf/args.h"
#include "loop/stream.h"
#include "record/spool.h"
#include "tsh/escape.h"
#include "tsh/join_stream.h"
#include "tsh/node_dial.h"
#include "tsh/terminal.h"
#include "wire/fields.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"
#include "proto/resource.fields.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CTRL_C 3

struct joining {
	struct tsh *tsh;
	const char *mode;
	bool peer;
	struct stream *stream; /* NULL: not yet, or gone */
	struct terminal terminal;
	struct escape escape;
	uv_poll_t keys;
	uv_signal_t resized;
	bool done;
	struct err err;
};

/* --- to the session ------------------------------------------------------------------------------
 */

static void send_frame(struct joining *j, const pv_JoinFrame *frame)
{
	struct buf bytes = { 0 };
	struct err err = { 0 };

	if (framing_append(&pv_JoinFrame_table, frame, NODE_DIAL_MESSAGE_MAX, &bytes, &err) == 0)
		stream_write_buf(j->stream, &bytes);
	else
		stream_reset(j->stream, &err);
	buf_deinit(&bytes);
}

static void send_input(struct joining *j, const struct buf *keys)
{
	pv_JoinFrame frame = { .which_of = pv_JoinFrame_input_tag };
	struct err err = { 0 };

	if (fields_set_bytes(&frame.of.input, keys->data, keys->len, &err) != 0)
		stream_reset(j->stream, &err);
	else
		send_frame(j, &frame);
	fields_release(&pv_JoinFrame_table, &frame);
}

static void send_size(struct joining *j)
{
	pv_JoinFrame frame = { .which_of = pv_JoinFrame_size_tag };

	terminal_size(STDOUT_FILENO, &frame.of.size.columns, &frame.of.size.rows);
	send_frame(j, &frame);
}

static void leave(struct joining *j)
{
	uv_poll_stop(&j->keys);
	if (j->stream != NULL)
		stream_close(j->stream);
}

static void on_keys(uv_poll_t *handle, int status, int events)
{
	struct joining *j = handle->data;
	struct buf out = { 0 };
	char keys[1024];
	ssize_t len = read(STDIN_FILENO, keys, sizeof(keys));
	bool wants_out;

	(void)status;
	(void)events;
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	wants_out = len <= 0 || escape_feed(&j->escape, keys, (size_t)len, &out) ||
	            (!j->peer && memchr(keys, CTRL_C, (size_t)len) != NULL);
	if (j->peer && j->stream != NULL && out.len > 0)
		send_input(j, &out);
	buf_deinit(&out);
	if (wants_out)
		leave(j);
}

static void on_resized(uv_signal_t *handle, int signum)
{
	struct joining *j = handle->data;

	(void)signum;
	if (j->peer && j->stream != NULL)
		send_size(j);
}

/* --- from the session
 * ------------------------------------------------------------------------------ */

static void say(const struct joining *j, const char *text)
{
	const char *end = j->terminal.raw ? "\r\n" : "\n";

	fprintf(stderr, "%s[", j->terminal.raw ? "\r\n" : "");
	printable_write(stderr, text);
	fprintf(stderr, "]%s", end);
}

static const char *or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static void show_notice(const struct joining *j, const pv_JoinNotice *notice)
{
	char text[256];

	snprintf(text, sizeof(text), "%s %s (%s)", or_empty(notice->user),
	         notice->joined ? "joined" : "left", or_empty(notice->mode));
	say(j, text);
}

static void show_end(const struct joining *j, const pv_JoinEnd *end)
{
	char text[256];

	if (str_empty(end->reason))
		snprintf(text, sizeof(text), "the session ended with code %d", end->exit_code);
	else
		snprintf(text, sizeof(text), "the session ended: %s", end->reason);
	say(j, text);
}

/* xterm's "resize the window to rows;columns"; others ignore it. */
static void show_size(const pv_JoinSize *size)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "\x1b[8;%u;%ut", size->rows, size->columns);

	if (isatty(STDOUT_FILENO) && size->rows > 0 && size->columns > 0)
		terminal_write(STDOUT_FILENO, text, (size_t)len);
}

static void show(struct joining *j, const pv_JoinFrame *frame)
{
	if (frame->which_of == pv_JoinFrame_output_tag && frame->of.output != NULL)
		terminal_write(STDOUT_FILENO, frame->of.output->bytes, frame->of.output->size);
	else if (frame->which_of == pv_JoinFrame_size_tag)
		show_size(&frame->of.size);
	else if (frame->which_of == pv_JoinFrame_notice_tag)
		show_notice(j, &frame->of.notice);
	else if (frame->which_of == pv_JoinFrame_end_tag)
		show_end(j, &frame->of.end);
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct joining *j = owner;
	size_t at = 0;

	for (;;) {
		pv_JoinFrame frame = { 0 };
		struct err err = { 0 };
		size_t used = 0;

		if (framing_decode(&pv_JoinFrame_table, data + at, len - at, NODE_DIAL_MESSAGE_MAX,
		                   &frame, &used, &err) != 0) {
			stream_reset(s, &err);
			return at;
		}
		if (used == 0)
			return at;
		show(j, &frame);
		fields_release(&pv_JoinFrame_table, &frame);
		at += used;
	}
}

static void on_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_close(s);
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct joining *j = owner;

	(void)s;
	if (err != NULL)
		j->err = *err;
	j->stream = NULL;
	j->done = true;
}

static const struct stream_handler handler = { .on_data = on_data,
	                                       .on_end = on_end,
	                                       .on_close = on_close };

static void on_joined(void *owner, struct stream *take_stream, const struct err *err)
{
	struct joining *j = owner;

	if (err != NULL) {
		j->err = *err;
		j->done = true;
		return;
	}
	j->stream = take_stream;
	say(j, j->peer ? "joined as peer; ~. at the beginning of a line leaves"
	               : "joined as observer; ~. or ^C leaves");
	terminal_open_raw(&j->terminal, STDIN_FILENO);
	stream_attach(take_stream, &handler, j);
	uv_poll_start(&j->keys, UV_READABLE, on_keys);
	uv_signal_start(&j->resized, on_resized, SIGWINCH);
}

/* --- the command
 * ------------------------------------------------------------------------------------ */

/* The node's UUID of a live session, malloc'ed. */
static int find_node(struct tsh *t, const struct profile *p, const char *sid, char **out,
                     struct err *err)
{
	pv_Resource found = { 0 };
	struct api api = { 0 };
	int rc = api_open(&api, t, p, err);

	if (rc == 0)
		rc = api_get(&api, "session", sid, &found, err);
	api_close(&api);
	if (rc == 0 &&
	    (found.which_of != pv_Resource_session_tag || str_empty(found.of.session.spec.node_id)))
		rc = err_set(err, ERR_CORRUPT, "the answer names no node");
	if (rc == 0 && found.of.session.spec.ended != 0)
		rc = err_set(err, ERR_NOT_FOUND, "session '%s' has ended; see: tsh play %s", sid,
		             sid);
	if (rc == 0) {
		*out = strdup(found.of.session.spec.node_id);
		rc = *out != NULL ? 0 : err_set_nomem(err);
	}
	fields_release(&pv_Resource_table, &found);
	return rc;
}

static int open_handles(struct joining *j, struct err *err)
{
	uv_loop_t *loop = &j->tsh->loop;

	if (uv_poll_init(loop, &j->keys, STDIN_FILENO) != 0)
		return err_set(err, ERR_UNSUPPORTED, "standard input cannot be waited for");
	uv_signal_init(loop, &j->resized);
	j->keys.data = j;
	j->resized.data = j;
	return 0;
}

static void close_handles(struct joining *j)
{
	terminal_restore(&j->terminal);
	uv_close((uv_handle_t *)&j->keys, NULL);
	uv_close((uv_handle_t *)&j->resized, NULL);
	uv_run(&j->tsh->loop, UV_RUN_DEFAULT); /* they live in j */
}

static int join(struct joining *j, const struct profile *p, const char *sid, const char *node_id,
                struct err *err)
{
	struct join_request request = { .session_id = sid, .node_id = node_id, .mode = j->mode };
	int rc = open_handles(j, err);

	if (rc != 0)
		return rc;
	terminal_size(STDOUT_FILENO, &request.columns, &request.rows);
	rc = join_stream_start(&j->tsh->loop, p, j->tsh->clock, &request, on_joined, j, err);
	while (rc == 0 && !j->done)
		uv_run(&j->tsh->loop, UV_RUN_ONCE);
	close_handles(j);
	if (rc == 0 && j->err.code != 0)
		rc = err_copy(err, &j->err);
	return rc != 0 ? err_wrap(err, "join '%s'", sid) : 0;
}

int cmd_join(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct joining j = { .tsh = t, .mode = "observer" };
	const struct args_option options[] = { { "mode", 'm', ARGS_TEXT, &j.mode }, { 0 } };
	struct profile p = { 0 };
	char *node_id = NULL;
	int rc = cmd_parse(t, options, &argc, argv, err);

	if (rc == 0 && (argc != 1 || !spool_is_sid(argv[0])))
		rc = err_set(err, ERR_INVALID,
		             "usage: tsh join [--mode=observer|peer] SESSION "
		             "(a UUID, see: tsh sessions ls)");
	j.peer = str_eq(j.mode, "peer");
	if (rc == 0 && !j.peer && !str_eq(j.mode, "observer"))
		rc = err_set(err, ERR_INVALID, "--mode: '%s' is not observer or peer", j.mode);
	if (rc == 0)
		rc = cmd_open_profile(t, &p, err);
	if (rc == 0)
		rc = find_node(t, &p, argv[0], &node_id, err);
	if (rc == 0)
		rc = join(&j, &p, argv[0], node_id, err);
	free(node_id);
	profile_deinit(&p);
	return rc;
}

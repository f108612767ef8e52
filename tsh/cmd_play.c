/*
 * tsh play - a recorded session as it looked, or as text, JSON or asciicast.
 *
 * A session that is still going on is followed: what there is at once, then as it happens.
 * On a terminal: space pauses, left and right seek 5 s, up and down change the speed, q ends.
 */
#include "tsh/api.h"
#include "tsh/cmd.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/args.h"
#include "record/export.h"
#include "record/recording.h"
#include "record/spool.h"
#include "tsh/fetch.h"
#include "tsh/player.h"
#include "tsh/terminal.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEK_MS 5000

struct play {
	struct tsh *tsh;
	const char *format_name;
	const char *speed_text;
	const char *max_idle_text;
	bool timed; /* as it looked, in its time; else `format` at once */
	enum export_format format;
	int speed; /* hundredths */
	int64_t max_idle;
	struct recording *rec;
	struct player *player;
	struct api api;
	struct fetch *live; /* what the session still adds; NULL: it is over */
};

/* --- export
 * ---------------------------------------------------------------------------------------- */

static int write_out(struct buf *out, struct err *err)
{
	if (out->len > 0 && !terminal_write(STDOUT_FILENO, out->data, out->len))
		return err_set_errno(err, ERR_IO, errno, "write");
	buf_clear(out);
	return 0;
}

static int export_frames(struct play *p, struct exporter *e, struct buf *out, struct err *err)
{
	const pv_Frame *frame = NULL;
	int rc;

	while (rc = recording_next(p->rec, &frame, err), rc == 0 && frame != NULL) {
		rc = export_frame(e, frame, out, err);
		if (rc == 0 && out->len > 65536)
			rc = write_out(out, err);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static int play_export(struct play *p, struct err *err)
{
	struct exporter *e = export_new(p->format);
	struct buf out = { 0 };
	struct err ignored = { 0 };
	int rc = e != NULL ? export_frames(p, e, &out, err) : err_set_nomem(err);

	/* What is good is shown, damaged or not. */
	if (e != NULL && export_end(e, &out, &ignored) == 0 && write_out(&out, &ignored) != 0 &&
	    rc == 0)
		rc = err_copy(err, &ignored);
	export_free(e);
	buf_deinit(&out);
	return rc;
}

/* --- on the terminal
 * ---------------------------------------------------------------------------------- */

enum action { NOTHING, PAUSE, FORWARD, BACK, FASTER, SLOWER, QUIT };

/* The key at the front of what was read; arrows come as ESC [ A or ESC O A. */
static enum action key_action(const char *keys, size_t len, size_t *out_used)
{
	static const enum action arrows[] = { FASTER, SLOWER, FORWARD, BACK };

	*out_used = 1;
	if (len >= 3 && keys[0] == 0x1b && (keys[1] == '[' || keys[1] == 'O')) {
		*out_used = 3;
		return keys[2] >= 'A' && keys[2] <= 'D' ? arrows[keys[2] - 'A'] : NOTHING;
	}
	if (keys[0] == ' ')
		return PAUSE;
	return keys[0] == 'q' || keys[0] == 3 ? QUIT : NOTHING;
}

/* Returns whether to go on. */
static bool act(struct player *player, enum action action, int64_t now)
{
	if (action == PAUSE)
		player_pause(player, now);
	else if (action == FORWARD || action == BACK)
		player_seek(player, now, action == FORWARD ? SEEK_MS : -SEEK_MS);
	else if (action == FASTER)
		player_faster(player, now);
	else if (action == SLOWER)
		player_slower(player, now);
	return action != QUIT;
}

static bool read_keys(struct play *p, int keys_fd)
{
	char keys[64];
	ssize_t len = read(keys_fd, keys, sizeof(keys));
	size_t used;

	if (len < 0)
		return errno == EINTR;
	if (len == 0)
		return false;
	for (size_t at = 0; at < (size_t)len; at += used) {
		enum action action = key_action(keys + at, (size_t)len - at, &used);

		if (!act(p->player, action, clock_mono_ms(p->tsh->clock)))
			return false;
	}
	return true;
}

/* Waits for a key, for more of a live session, or so long; false: they want to leave. */
static bool wait_for_more(struct play *p, int keys_fd, int64_t wait)
{
	uv_loop_t *loop = &p->tsh->loop;
	struct pollfd fds[] = { { keys_fd, POLLIN, 0 },
		                { p->live != NULL ? uv_backend_fd(loop) : -1, POLLIN, 0 } };

	if (p->live != NULL) {
		int timers = uv_backend_timeout(loop);

		if (timers >= 0 && (wait < 0 || timers < wait))
			wait = timers;
	}
	if (poll(fds, 2, (int)(wait < 60000 ? wait : 60000)) < 0)
		return errno == EINTR;
	if (p->live != NULL)
		uv_run(loop, UV_RUN_NOWAIT);
	return fds[0].revents == 0 || read_keys(p, keys_fd);
}

/* A session that is over is played to its end. */
static int look_at_live(struct play *p, struct err *err)
{
	if (p->live == NULL || !fetch_done(p->live, err))
		return 0;
	fetch_free(p->live);
	p->live = NULL;
	player_follow(p->player, false);
	return err->code;
}

/* keys_fd -1: no keys, plays through. */
static int play_through(struct play *p, int keys_fd, struct err *err)
{
	struct buf out = { 0 };
	int64_t wait = 0;
	int rc = 0;

	while (rc == 0) {
		rc = look_at_live(p, err);
		if (rc == 0)
			rc = player_step(p->player, clock_mono_ms(p->tsh->clock), &out, &wait, err);
		if (rc == 0)
			rc = write_out(&out, err);
		if (rc != 0 || player_ended(p->player) || !wait_for_more(p, keys_fd, wait))
			break;
	}
	buf_deinit(&out);
	return rc;
}

static int play_pty(struct play *p, struct err *err)
{
	struct terminal terminal;
	int rc;

	p->player = player_new(p->rec, p->speed, p->max_idle);
	if (p->player == NULL)
		return err_set_nomem(err);
	player_follow(p->player, p->live != NULL);
	terminal_open_raw(&terminal, STDIN_FILENO);
	rc = play_through(p, terminal.raw ? STDIN_FILENO : -1, err);
	if (terminal.raw)
		terminal_write(STDOUT_FILENO, "\x1b[0m\r\n", 6);
	terminal_restore(&terminal);
	player_free(p->player);
	return rc;
}

/* --- what to play
 * -------------------------------------------------------------------------------------- */

/* Whoever may see the recording may not be shown the session: then it is as if it were over. */
static bool is_live(struct play *p, const char *sid)
{
	pv_Resource found = { 0 };
	struct err ignored;
	bool live = api_get(&p->api, "session", sid, &found, &ignored) == 0 &&
	            found.which_of == pv_Resource_session_tag && found.of.session.spec.ended == 0;

	fields_release(&pv_Resource_table, &found);
	return live;
}

/* All there is; of a live session that is looked at, what follows, too. */
static int fetch(struct play *p, const char *sid, int *out_fd, struct err *err)
{
	struct profile profile = { 0 };
	bool live;
	int rc = cmd_open_profile(p->tsh, &profile, err);

	if (rc == 0)
		rc = api_open(&p->api, p->tsh, &profile, err);
	profile_deinit(&profile);
	if (rc != 0)
		return rc;
	live = p->timed && is_live(p, sid);
	rc = fetch_recording(&p->api, sid, out_fd, err);
	if (rc == 0 && live)
		rc = fetch_follow(&p->api, sid, *out_fd, &p->live, err);
	return rc;
}

/* A session's id, unless there is a file of that name. */
static int open_source(struct play *p, const char *source, struct err *err)
{
	int fd = open(source, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 && spool_is_sid(source))
		rc = fetch(p, source, &fd, err);
	else if (fd < 0)
		rc = err_set_errno(err, ERR_IO, errno, "open '%s'", source);
	if (rc == 0)
		rc = recording_open(&p->rec, fd, err);
	else if (fd >= 0)
		close(fd);
	return rc;
}

/* "2", "0.5", "4x" */
static int parse_speed(struct play *p, struct err *err)
{
	char *end;
	double speed;

	p->speed = 100;
	if (p->speed_text == NULL)
		return 0;
	speed = strtod(p->speed_text, &end);
	if (end == p->speed_text || (*end != 0 && strcmp(end, "x") != 0) ||
	    !(speed >= 0.1 && speed <= 100))
		return err_set(err, ERR_INVALID, "--speed: '%s' is not a number from 0.1 to 100",
		               p->speed_text);
	p->speed = (int)(speed * 100 + 0.5);
	return 0;
}

static int parse(struct play *p, int *argc, char **argv, struct err *err)
{
	const struct args_option options[] = {
		{ "format", 'f', ARGS_TEXT, &p->format_name },
		{ "speed", 0, ARGS_TEXT, &p->speed_text },
		{ "max-idle", 0, ARGS_TEXT, &p->max_idle_text },
		{ 0 },
	};
	int rc = cmd_parse(p->tsh, options, argc, argv, err);

	if (rc == 0 && *argc != 1)
		rc = err_set(err, ERR_INVALID, "usage: tsh play SESSION|FILE");
	p->timed = p->format_name == NULL || str_eq(p->format_name, "pty");
	if (rc == 0 && !p->timed)
		rc = export_format_parse(p->format_name, &p->format, err);
	if (rc == 0)
		rc = parse_speed(p, err);
	if (rc == 0 && p->max_idle_text != NULL)
		rc = str_to_duration(p->max_idle_text, &p->max_idle, err);
	return rc;
}

int cmd_play(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct play p = { .tsh = t };
	int rc = parse(&p, &argc, argv, err);

	if (rc == 0)
		rc = open_source(&p, argv[0], err);
	if (rc == 0)
		rc = p.timed ? play_pty(&p, err) : play_export(&p, err);
	if (rc == 0 && !p.timed && !recording_ended(p.rec))
		fputs("tsh: the recording ends here without its end: it is still being made, or "
		      "was cut off\n",
		      stderr);
	fetch_free(p.live);
	api_close(&p.api);
	recording_close(p.rec);
	return rc;
}

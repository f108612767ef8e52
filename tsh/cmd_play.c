/*
 * tsh play - a recorded session as it looked, or as text, JSON or asciicast.
 *
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

/* keys_fd -1: no keys, plays through. */
static int play_through(struct play *p, int keys_fd, struct err *err)
{
	struct pollfd keys = { keys_fd, POLLIN, 0 };
	struct buf out = { 0 };
	int64_t wait = 0;
	int rc = 0;

	while (rc == 0) {
		rc = player_step(p->player, clock_mono_ms(p->tsh->clock), &out, &wait, err);
		if (rc == 0)
			rc = write_out(&out, err);
		if (rc != 0 || player_ended(p->player))
			break;
		if (wait > 60000)
			wait = 60000;
		if (poll(&keys, 1, (int)wait) > 0 && !read_keys(p, keys_fd))
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

static int fetch(struct tsh *t, const char *sid, int *out_fd, struct err *err)
{
	struct profile profile = { 0 };
	struct api api = { 0 };
	int rc = cmd_open_profile(t, &profile, err);

	if (rc == 0)
		rc = api_open(&api, t, &profile, err);
	if (rc == 0)
		rc = fetch_recording(&api, sid, out_fd, err);
	api_close(&api);
	profile_deinit(&profile);
	return rc;
}

/* A session's id, unless there is a file of that name. */
static int open_source(struct play *p, const char *source, struct err *err)
{
	int fd = open(source, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 && spool_is_sid(source))
		rc = fetch(p->tsh, source, &fd, err);
	else if (fd < 0)
		rc = err_set_errno(err, ERR_IO, errno, "open '%s'", source);
	return rc == 0 ? recording_open(&p->rec, fd, err) : rc;
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
	recording_close(p.rec);
	return rc;
}

#include "noded/session/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "noded/session/joiner.h"
#include "noded/session/link.h"

#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>

#define CHUNK       16384
#define CHUNKS_EACH 16 /* read in a row from one source before others get their turn */

static char start_data[PACKET_MAX];

static int64_t now(void)
{
	return clock_mono_ms(clock_system());
}

static const char *field(const struct session *s, const char *key)
{
	const char *value = packet_get(s->data, s->len, key);

	return value != NULL ? value : "";
}

static void tell(const struct session *s, const char *word, const char *reason)
{
	char text[1024];
	struct packet p;

	packet_begin(&p, text, sizeof(text), word);
	if (reason != NULL)
		packet_add(&p, "reason", reason);
	if (s->link >= 0)
		packet_send(s->link, &p, NULL, 0);
}

/* --- what everybody sees ------------------------------------------------------------------------
 */

/* A line of ours, not of the command's: shown, not recorded as output. */
static void show_line(struct session *s, const char *line)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), s->tty ? "\r\n%.900s\r\n" : "%.900s\n", line);

	outlet_write(s->tty ? &s->user : &s->user_err, text, (size_t)len);
	if (s->joiners != NULL)
		joiner_output(s->joiners, text, (size_t)len);
}

static void want_end(struct session *s, const char *reason)
{
	if (s->ending)
		return;
	s->ending = true;
	show_line(s, reason);
	tell(s, LINK_END, reason);
}

static void on_joiner_input(void *owner, const void *data, size_t len)
{
	struct session *s = owner;

	s->last_input = now();
	outlet_write(&s->shell, data, len);
}

static void on_joiner_change(void *owner, const char *user, const char *mode, bool joined)
{
	struct session *s = owner;
	char text[256];
	int len = snprintf(text, sizeof(text), "\r\n[%.100s %s the session as %s]\r\n", user,
	                   joined ? "joined" : "left", mode);

	outlet_write(&s->user, text, (size_t)len);
	tape_participant(&s->tape, user, mode, joined);
}

static void set_idle(struct session *s, int64_t idle_ms, const char *message)
{
	s->idle_ms = idle_ms;
	snprintf(s->idle_message, sizeof(s->idle_message), "%s", message != NULL ? message : "");
}

static void on_limits(void *owner, int64_t idle_ms, const char *idle_message)
{
	set_idle(owner, idle_ms, idle_message);
}

static const struct joiner_handler joiner_handler = { on_joiner_input, on_joiner_change,
	                                              on_limits };

/* --- opening ------------------------------------------------------------------------------------
 */

static int hear_start(struct session *s, int fds[4], struct err *err)
{
	int count = 0;
	ssize_t len;

	s->link = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	len = packet_recv(s->link, start_data, sizeof(start_data), fds, 4, &count);
	if (len <= 0 || !str_eq(start_data, LINK_START))
		return err_set(err, ERR_IO, "noded-login said nothing");
	s->data = start_data;
	s->len = (size_t)len;
	s->tty = packet_get_number(s->data, s->len, "tty", 0) == 1;
	if (count != (s->tty ? 2 : 4))
		return err_set(err, ERR_INVALID, "%d descriptors are not what a session needs",
		               count);
	return 0;
}

static void open_streams(struct session *s, const int fds[4])
{
	outlet_open(&s->user, fds[0]);
	outlet_open(&s->user_err, s->tty ? -1 : fds[1]);
	outlet_open(&s->shell, s->tty ? fcntl(fds[1], F_DUPFD_CLOEXEC, 3) : -1);
	s->sources[0] = s->tty ? fds[1] : fds[2];
	s->sources[1] = s->tty ? -1 : fds[3];
	for (int i = 0; i < 2; i++)
		if (s->sources[i] >= 0)
			fcntl(s->sources[i], F_SETFL, fcntl(s->sources[i], F_GETFL) | O_NONBLOCK);
}

static int open_joiners(struct session *s, struct err *err)
{
	const char *dir = getenv("NODED_SESSIONS_DIR");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.sock", dir != NULL ? dir : ".", field(s, "sid"));
	if (joiner_open(&s->joiners, path, field(s, "user"), &joiner_handler, s, err) != 0)
		return err->code;
	joiner_resize(s->joiners, (unsigned)packet_get_number(s->data, s->len, "columns", 0),
	              (unsigned)packet_get_number(s->data, s->len, "rows", 0));
	return 0;
}

int session_open(struct session *s, struct err *err)
{
	int fds[4] = { -1, -1, -1, -1 };

	*s = (struct session){ .link = -1, .user.fd = -1, .tape.dir = -1 };
	if (hear_start(s, fds, err) != 0)
		return err->code;
	open_streams(s, fds);
	if (s->tty) /* what a command is sent does not pass through us */
		set_idle(s, packet_get_number(s->data, s->len, "idle_ms", 0),
		         packet_get(s->data, s->len, "idle_message"));
	s->last_input = now();
	s->end.started = clock_wall_ms(clock_system());
	if (tape_open(&s->tape, s->data, s->len, err) != 0 ||
	    (s->tty && open_joiners(s, err) != 0)) {
		tell(s, LINK_FAILED, err->msg);
		return err->code;
	}
	tell(s, LINK_READY, NULL);
	return 0;
}

/* --- passing on ---------------------------------------------------------------------------------
 */

static struct outlet *outlet_of(struct session *s, int source)
{
	return source == 0 ? &s->user : &s->user_err;
}

static void source_ended(struct session *s, int i)
{
	close(s->sources[i]);
	s->sources[i] = -1;
	outlet_close(&s->shell); /* of a terminal both are the master */
}

/* From the command to the recording, the user and the joiners. */
static void read_source(struct session *s, int i)
{
	char data[CHUNK];

	for (int n = 0; n < CHUNKS_EACH && s->sources[i] >= 0 && !outlet_full(outlet_of(s, i));
	     n++) {
		ssize_t len = read(s->sources[i], data, sizeof(data));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN) {
			/* What still holds the terminal open is no longer the session. */
			if (s->state == SESSION_DRAINING && s->tty)
				source_ended(s, i);
			return;
		}
		if (len <= 0) {
			source_ended(s, i);
			return;
		}
		tape_output(&s->tape, data, (size_t)len, i == 1);
		outlet_write(outlet_of(s, i), data, (size_t)len);
		if (s->joiners != NULL)
			joiner_output(s->joiners, data, (size_t)len);
	}
}

/* From the user to the shell. */
static void read_user(struct session *s)
{
	char data[CHUNK];
	ssize_t len = read(s->user.fd, data, sizeof(data));

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		outlet_close(&s->user);
		tell(s, LINK_HANGUP, NULL);
		return;
	}
	s->received += (uint64_t)len;
	s->last_input = now();
	outlet_write(&s->shell, data, (size_t)len);
}

/* --- noded-login --------------------------------------------------------------------------------
 */

static void on_resize(struct session *s, const char *data, size_t len)
{
	struct winsize size = { .ws_col =
		                        (unsigned short)packet_get_number(data, len, "columns", 0),
		                .ws_row = (unsigned short)packet_get_number(data, len, "rows", 0) };

	if (!s->tty || s->sources[0] < 0)
		return;
	ioctl(s->sources[0], TIOCSWINSZ, &size);
	tape_resize(&s->tape, size.ws_col, size.ws_row);
	joiner_resize(s->joiners, size.ws_col, size.ws_row);
}

static void on_finish(struct session *s, const char *data, size_t len)
{
	const char *reason = packet_get(data, len, "reason");

	s->state = SESSION_DRAINING;
	s->drain_until = s->tty ? now() + LINK_DRAIN_MS : 0;
	s->end.exit = (int)packet_get_number(data, len, "exit", -1);
	s->end.signal = (int)packet_get_number(data, len, "signal", 0);
	str_copy(s->reason, sizeof(s->reason), reason != NULL ? reason : "");
}

static void on_link(struct session *s)
{
	char data[2048];
	ssize_t len = packet_recv(s->link, data, sizeof(data), NULL, 0, NULL);
	const char *text;

	if (len <= 0) {
		close(s->link);
		s->link = -1;
		if (s->state == SESSION_DRAINING)
			return;
		s->lost = true;
		s->end.exit = -1;
		str_copy(s->reason, sizeof(s->reason), "the session's root process died");
		show_line(s, s->reason);
		s->state = SESSION_OVER;
		return;
	}
	text = packet_get(data, (size_t)len, "text");
	if (str_eq(data, LINK_RESIZE))
		on_resize(s, data, (size_t)len);
	else if (str_eq(data, LINK_NOTICE) && text != NULL)
		show_line(s, text);
	else if (str_eq(data, LINK_FINISH))
		on_finish(s, data, (size_t)len);
}

/* --- the loop -----------------------------------------------------------------------------------
 */

enum { SLOT_LINK, SLOT_USER, SLOT_ERR, SLOT_SOURCE, SLOT_SOURCE_ERR, SLOT_JOINERS };

static short input_events(const struct session *s, int i, const struct outlet *to)
{
	return s->sources[i] >= 0 && !outlet_full(to) ? POLLIN : 0;
}

static size_t fill(struct session *s, struct pollfd *fds)
{
	bool typing = s->tty && !outlet_full(&s->shell);
	short user = typing ? POLLIN : 0, shell = input_events(s, 0, &s->user);

	if (outlet_queued(&s->user) > 0)
		user |= POLLOUT;
	if (outlet_queued(&s->shell) > 0)
		shell |= POLLOUT;
	fds[SLOT_LINK] = (struct pollfd){ .fd = s->link, .events = POLLIN };
	fds[SLOT_USER] = (struct pollfd){ .fd = user != 0 ? s->user.fd : -1, .events = user };
	fds[SLOT_ERR] =
	        (struct pollfd){ .fd = outlet_queued(&s->user_err) > 0 ? s->user_err.fd : -1,
		                 .events = POLLOUT };
	fds[SLOT_SOURCE] =
	        (struct pollfd){ .fd = shell != 0 ? s->sources[0] : -1, .events = shell };
	shell = input_events(s, 1, &s->user_err);
	fds[SLOT_SOURCE_ERR] =
	        (struct pollfd){ .fd = shell != 0 ? s->sources[1] : -1, .events = shell };
	return SLOT_JOINERS +
	       (s->joiners != NULL ? joiner_poll(s->joiners, fds + SLOT_JOINERS, typing) : 0);
}

static void earlier(int *wait, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (*wait < 0 || ms < *wait)
		*wait = (int)(ms < INT_MAX ? ms : INT_MAX);
}

static int next_timeout(const struct session *s)
{
	int wait = tape_timeout(&s->tape);

	if (s->idle_ms > 0 && !s->ending)
		earlier(&wait, s->last_input + s->idle_ms - now());
	if (s->state == SESSION_DRAINING && s->drain_until > 0)
		earlier(&wait, s->drain_until - now());
	if (s->state == SESSION_DRAINING && s->tty && s->sources[0] >= 0 && !outlet_full(&s->user))
		wait = 0; /* nothing may come any more: read until it says so */
	return wait;
}

static void check_idle(struct session *s)
{
	char text[128], duration[STR_DURATION_SIZE];

	if (s->idle_ms <= 0 || s->ending || now() - s->last_input < s->idle_ms)
		return;
	snprintf(text, sizeof(text), "Client exceeded idle timeout of %s",
	         str_from_duration(duration, sizeof(duration), s->idle_ms));
	want_end(s, str_empty(s->idle_message) ? text : s->idle_message);
}

static bool is_drained(const struct session *s)
{
	bool passed = s->sources[0] < 0 && s->sources[1] < 0 && outlet_queued(&s->user) == 0 &&
	              outlet_queued(&s->user_err) == 0;

	return passed || (s->drain_until > 0 && now() >= s->drain_until) ||
	       (s->user.fd < 0 && s->user_err.fd < 0);
}

static void dispatch(struct session *s, const struct pollfd *fds, size_t count)
{
	if (fds[SLOT_USER].revents & POLLOUT)
		outlet_flush(&s->user);
	if (fds[SLOT_ERR].revents != 0)
		outlet_flush(&s->user_err);
	if (fds[SLOT_SOURCE].revents & POLLOUT)
		outlet_flush(&s->shell);
	if ((fds[SLOT_SOURCE].revents & ~POLLOUT) != 0 || (s->state == SESSION_DRAINING && s->tty))
		read_source(s, 0);
	if (fds[SLOT_SOURCE_ERR].revents != 0)
		read_source(s, 1);
	if ((fds[SLOT_USER].revents & ~POLLOUT) != 0 && s->user.fd >= 0 && s->tty)
		read_user(s);
	if (s->joiners != NULL)
		joiner_step(s->joiners, fds + SLOT_JOINERS, count - SLOT_JOINERS);
	if (fds[SLOT_LINK].revents != 0)
		on_link(s);
}

bool session_step(struct session *s)
{
	struct pollfd fds[SLOT_JOINERS + JOINER_POLL_MAX];
	size_t count = fill(s, fds);

	if (poll(fds, count, next_timeout(s)) < 0)
		return true;
	dispatch(s, fds, count);
	tape_step(&s->tape);
	if (s->tape.failed)
		want_end(s, s->tape.why);
	check_idle(s);
	if (s->state == SESSION_DRAINING && is_drained(s))
		s->state = SESSION_OVER;
	return s->state != SESSION_OVER;
}

/* --- closing ------------------------------------------------------------------------------------
 */

static void write_event(struct session *s)
{
	static char text[PACKET_MAX];
	const char *dir = getenv("NODED_EVENTS_DIR");
	struct packet p;

	packet_begin(&p, text, sizeof(text), EVENT_END);
	event_copy(&p, s->data, s->len);
	event_describe(&p, &s->end);
	if (event_write(dir != NULL ? dir : ".", field(s, "sid"), &p) != 0)
		log_error("session's end not written", kv("sid", field(s, "sid")),
		          kv("error", strerror(errno)));
}

void session_close(struct session *s)
{
	char text[128];
	struct packet p;

	s->end.reason = s->reason;
	s->end.ended = clock_wall_ms(clock_system());
	s->end.sent = s->user.written + s->user_err.written;
	s->end.received = s->received;
	joiner_close(s->joiners, &s->end);
	packet_begin(&p, text, sizeof(text), LINK_DRAINED);
	packet_add_number(&p, "sent", (long long)s->end.sent);
	packet_add_number(&p, "received", (long long)s->end.received);
	if (s->link >= 0)
		packet_send(s->link, &p, NULL, 0);
	outlet_close(&s->user);
	outlet_close(&s->user_err);
	outlet_close(&s->shell);
	tape_close(&s->tape, &s->end); /* waits for the disk; the user does not */
	if (s->lost)
		write_event(s);
}

#include "noded/root/track.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "file/file.h"
#include "noded/root/control.h"
#include "noded/root/proc.h"
#include "noded/root/requests.h"
#include "noded/root/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#define RECORD_SIZE 1024

static const struct kind {
	const char *folder;
	const char *word;
	const char *ended;
	int grace_ms;
} kinds[] = {
	[TRACK_CONNECTION] = { "conn", REQUEST_CONNECTION, REQUEST_CONNECTION_ENDED, 2000 },
	/* noded-login itself waits two seconds for the shell; PAM may take its time to close */
	[TRACK_SESSION] = { "sessions", REQUEST_SESSION, REQUEST_SESSION_ENDED, 10000 },
};

bool track_id_ok(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len <= REQUEST_ID_MAX && id[0] != '-' &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void path_of(const struct root *r, enum track_kind kind, const char *id, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s/%s", r->conf.run_dir, kinds[kind].folder, id);
}

const char *track_get(const struct track *t, const char *key)
{
	const char *value = packet_get(t->fields, t->len, key);

	return value != NULL ? value : "";
}

static void release(struct track *t)
{
	loop_close(&t->exited);
	list_remove(&t->link);
	free(t->fields);
	free(t);
}

/* What a process leaves behind that did not end in order: sshd's network half lives on when its
 * monitor was killed; a command, when its noded-login was. */
static void clear_up(struct track *t, bool in_order)
{
	struct track *conn;

	if (t->kind == TRACK_CONNECTION) {
		kill(-t->pid, SIGKILL);
	} else if (!in_order) {
		conn = track_find(t->root, TRACK_CONNECTION, track_get(t, "conn"));
		if (conn != NULL)
			track_end(conn);
	}
}

static void on_exited(struct source *s)
{
	struct track *t = container_of(s, struct track, exited);
	char path[PATH_MAX];

	path_of(t->root, t->kind, track_get(t, "id"), path);
	clear_up(t, unlink(path) != 0); /* noded-login removes its own at the very end */
	control_tell(t->root, kinds[t->kind].ended, track_get(t, "id"));
	release(t);
}

/* Takes the fields over when it succeeds. From here on its end will be seen. */
static int track_new(struct root *r, enum track_kind kind, pid_t pid, char *take_fields, size_t len,
                     struct track **out, struct err *err)
{
	struct track *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_set_nomem(err);
	t->root = r;
	t->kind = kind;
	t->pid = pid;
	list_append(&r->tracks, &t->link);
	if (loop_watch(r->loop, &t->exited, pidfd_open(pid, 0), EPOLLIN, on_exited, err) != 0) {
		release(t);
		return err->code;
	}
	t->fields = take_fields;
	t->len = len;
	*out = t;
	return 0;
}

/* By rename, so that it is whole; not synced, for /run does not outlive the machine. */
static int save(const struct track *t, struct err *err)
{
	char path[PATH_MAX], draft[PATH_MAX];
	ssize_t len = -1;
	int fd;

	path_of(t->root, t->kind, track_get(t, "id"), path);
	path_of(t->root, t->kind, ".new", draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		len = write(fd, t->fields, t->len);
		close(fd);
	}
	return len == (ssize_t)t->len && rename(draft, path) == 0
	               ? 0
	               : err_set_errno(err, ERR_IO, errno, "write '%s'", path);
}

int track_add(struct root *r, enum track_kind kind, const char *id, pid_t pid,
              const struct packet *more, struct track **out, struct err *err)
{
	size_t word = strlen(more->data) + 1;
	char *text = malloc(RECORD_SIZE);
	struct packet p;

	if (text == NULL)
		return err_set_nomem(err);
	packet_begin(&p, text, RECORD_SIZE, kinds[kind].word);
	packet_add(&p, "id", id);
	packet_add_number(&p, "pid", pid);
	packet_add_number(&p, "start", (int64_t)proc_start(pid));
	packet_add_number(&p, "started", clock_wall_ms(clock_system()));
	packet_append(&p, more->data + word, more->len - word);
	if (!track_id_ok(id) || p.full)
		err_set(err, ERR_INVALID, "'%s' is no %s's id, or too long", id, kinds[kind].word);
	else if (track_find(r, kind, id) != NULL)
		err_set(err, ERR_EXISTS, "there is a %s '%s' already", kinds[kind].word, id);
	else if (track_new(r, kind, pid, text, p.len, out, err) == 0) {
		if (save(*out, err) == 0)
			return 0;
		release(*out);
		return err->code;
	}
	free(text);
	return err->code;
}

int track_put(struct track *t, const char *key, const char *value, struct err *err)
{
	const char *old = packet_get(t->fields, t->len, key);
	struct packet p = { t->fields, t->len, RECORD_SIZE, false };

	if (old != NULL)
		return str_eq(old, value)
		               ? 0
		               : err_set(err, ERR_CONFLICT, "%s is '%s' already", key, old);
	packet_add(&p, key, value);
	if (p.full)
		return err_set(err, ERR_LIMIT, "%s is too long", key);
	t->len = p.len;
	return save(t, err);
}

/* --- those of an earlier noded-root -------------------------------------------------------------
 */

/* False: the file belongs to nobody. */
static bool load(struct root *r, enum track_kind kind, const char *path, const char *id)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	char *copy = malloc(RECORD_SIZE);
	bool known = false;

	if (copy != NULL && file_read(path, RECORD_SIZE, &text, &err) == 0 &&
	    packet_valid(buf_str(&text), text.len)) {
		pid_t pid = (pid_t)packet_get_number(buf_str(&text), text.len, "pid", 0);
		long long start = packet_get_number(buf_str(&text), text.len, "start", 0);
		const char *name = packet_get(buf_str(&text), text.len, "id");
		struct track *t;

		memcpy(copy, text.data, text.len);
		known = name != NULL && str_eq(name, id) && start > 0 &&
		        proc_start(pid) == (uint64_t)start &&
		        track_new(r, kind, pid, copy, text.len, &t, &err) == 0;
	}
	if (!known)
		free(copy);
	buf_deinit(&text);
	return known;
}

int track_open(struct root *r, struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	for (enum track_kind kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		path_of(r, kind, "", path);
		if (file_make_dir(path, 0700, err) != 0)
			return err->code;
		dir = opendir(path);
		if (dir == NULL)
			return err_set_errno(err, ERR_IO, errno, "read '%s'", path);
		while ((entry = readdir(dir)) != NULL) {
			path_of(r, kind, entry->d_name, path);
			if (entry->d_name[0] != '.' && !load(r, kind, path, entry->d_name))
				unlink(path);
		}
		closedir(dir);
	}
	return 0;
}

void track_close(struct root *r)
{
	while (!list_empty(&r->tracks))
		release(container_of(r->tracks.next, struct track, link));
}

/* --- finding and ending -------------------------------------------------------------------------
 */

struct track *track_find(const struct root *r, enum track_kind kind, const char *id)
{
	for (struct list *at = r->tracks.next; at != &r->tracks; at = at->next) {
		struct track *t = container_of(at, struct track, link);

		if (t->kind == kind && str_eq(track_get(t, "id"), id))
			return t;
	}
	return NULL;
}

struct track *track_ancestor(const struct root *r, pid_t pid)
{
	for (; pid > 1; pid = proc_parent(pid))
		for (struct list *at = r->tracks.next; at != &r->tracks; at = at->next) {
			struct track *t = container_of(at, struct track, link);

			if (t->kind == TRACK_CONNECTION && t->pid == pid)
				return t;
		}
	return NULL;
}

void track_end(struct track *t)
{
	syscall(SYS_pidfd_send_signal, t->exited.fd, SIGTERM, NULL, 0);
	if (t->kill_at == 0)
		t->kill_at = clock_mono_ms(clock_system()) + kinds[t->kind].grace_ms;
}

int track_tick(struct root *r)
{
	int64_t next = INT64_MAX, now = clock_mono_ms(clock_system());

	for (struct list *at = r->tracks.next; at != &r->tracks; at = at->next) {
		struct track *t = container_of(at, struct track, link);

		if (t->kill_at != 0 && t->kill_at <= now) {
			kill(-t->pid, SIGKILL);
			t->kill_at = now + kinds[t->kind].grace_ms;
		}
		if (t->kill_at != 0 && t->kill_at < next)
			next = t->kill_at;
	}
	return next == INT64_MAX ? -1 : (int)(next - now);
}

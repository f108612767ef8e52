#include "noded/events.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "file/file.h"
#include "ipc/packet.h"
#include "loop/timer.h"
#include "noded/conn.h"
#include "noded/noded.h"
#include "noded/report.h"
#include "noded/session.h"
#include "noded/session/events.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>

#include <uv.h>

#define END_FILE_MAX   (256 * 1024)
#define UNKNOWN_END_MS 3000 /* how long an end file may come after its session */

struct events {
	struct noded *n;
	char dir[PATH_MAX];
	uv_fs_event_t watch;
	struct list missing; /* ended sessions whose file has not come */
};

/* A session that is over by noded-root's word. */
struct missing {
	struct list link;
	struct events *events;
	struct timer *timer;
	char sid[RAND_UUID_SIZE];
};

static void missing_free(struct missing *m)
{
	list_remove(&m->link);
	timer_free(m->timer);
	free(m);
}

static void no_longer_missing(struct events *e, const char *sid)
{
	for (struct list *at = e->missing.next; at != &e->missing; at = at->next) {
		struct missing *m = container_of(at, struct missing, link);

		if (str_eq(m->sid, sid)) {
			missing_free(m);
			return;
		}
	}
}

/* --- an end file ----------------------------------------------------------------------------- */

static const char *field(const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	return value != NULL ? value : "";
}

static void take_end(struct events *e, const char *data, size_t len)
{
	const struct session_outcome o = {
		.sid = field(data, len, "sid"),
		.conn = field(data, len, "conn"),
		.login = field(data, len, "login"),
		.user = field(data, len, "user"),
		.kind = field(data, len, "kind"),
		.command = field(data, len, "command"),
		.tty = packet_get_number(data, len, "tty", 0) != 0,
		.started = packet_get_number(data, len, "started", 0),
		.ended = packet_get_number(data, len, "ended", 0),
		.exit_code = (int)packet_get_number(data, len, "exit", -1),
		.signal = (int)packet_get_number(data, len, "signal", 0),
		.cut = packet_get_number(data, len, "cut", 0) != 0,
		.reason = field(data, len, "reason"),
		.sent = packet_get_number(data, len, "sent", 0),
		.received = packet_get_number(data, len, "received", 0),
	};
	struct session *s = session_find(e->n, o.sid);

	no_longer_missing(e, o.sid);
	report_session_end(e->n, s, &o);
	if (s != NULL)
		session_forget(e->n, s);
	conn_session_over(e->n, o.conn);
}

static void take_file(struct events *e, const char *name)
{
	char path[PATH_MAX + 256];
	struct buf bytes = { 0 };
	struct err err = { 0 };

	if (*name == '.' || !str_ends(name, EVENT_END_SUFFIX))
		return;
	snprintf(path, sizeof(path), "%s/%s", e->dir, name);
	if (file_read(path, END_FILE_MAX, &bytes, &err) == 0) {
		if (packet_valid((const char *)bytes.data, bytes.len) &&
		    str_eq((const char *)bytes.data, EVENT_END))
			take_end(e, (const char *)bytes.data, bytes.len);
		else
			log_error("end of a session cannot be read", kv("file", path));
		unlink(path);
	}
	buf_deinit(&bytes);
}

static void take_all(struct events *e)
{
	DIR *dir = opendir(e->dir);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		take_file(e, entry->d_name);
	if (dir != NULL)
		closedir(dir);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct events *e = watch->data;

	(void)events;
	if (status == 0 && name != NULL)
		take_file(e, name);
	else
		take_all(e); /* the kernel's queue ran over */
}

/* --- ends without a file --------------------------------------------------------------------- */

static void on_unknown_end(void *owner)
{
	struct missing *m = owner;
	struct noded *n = m->events->n;
	struct session *s = session_find(n, m->sid);

	if (s != NULL) {
		const struct session_outcome o = {
			.sid = s->sid,
			.conn = s->conn,
			.login = s->login,
			.user = s->identity.user,
			.kind = s->kind,
			.command = s->command,
			.tty = s->tty,
			.started = s->started,
			.ended = clock_wall_ms(n->clock),
			.exit_code = -1,
			.reason = "its programs were killed",
		};

		report_session_end(n, s, &o);
		session_forget(n, s);
	}
	missing_free(m);
}

void events_session_ended(struct events *e, const char *sid)
{
	struct missing *m;

	if (session_find(e->n, sid) == NULL)
		return; /* its file was here before */
	m = calloc(1, sizeof(*m));
	if (m != NULL)
		m->timer = timer_new(e->n->loop, on_unknown_end, m);
	if (m == NULL || m->timer == NULL) {
		free(m);
		return;
	}
	m->events = e;
	str_copy(m->sid, sizeof(m->sid), sid);
	list_append(&e->missing, &m->link);
	timer_once(m->timer, UNKNOWN_END_MS);
}

/* --- opening --------------------------------------------------------------------------------- */

int events_open(struct noded *n, struct events **out, struct err *err)
{
	struct events *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return err_set_nomem(err);
	e->n = n;
	list_init(&e->missing);
	snprintf(e->dir, sizeof(e->dir), "%s/events", n->conf.data_dir);
	uv_fs_event_init(n->loop, &e->watch);
	e->watch.data = e;
	rc = uv_fs_event_start(&e->watch, on_change, e->dir, 0);
	*out = e;
	if (rc != 0)
		return err_set(err, ERR_IO, "watch folder '%s': %s", e->dir, uv_strerror(rc));
	take_all(e);
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void events_close(struct events *e)
{
	if (e == NULL)
		return;
	while (!list_empty(&e->missing))
		missing_free(container_of(e->missing.next, struct missing, link));
	uv_close((uv_handle_t *)&e->watch, on_closed);
}

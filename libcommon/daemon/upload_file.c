#include "daemon/upload_file.h"

#include "base/log.h"
#include "base/rand.h"
#include "daemon/host.h"
#include "loop/timer.h"
#include "daemon/upload_table.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.pb.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHUNK_MAX   32768u
#define ANSWER_MS   60000 /* that authd may take for an acknowledgement */
#define LOOK_MS     5000  /* how often a recording that does not grow is looked at */
#define GATHER_MS   200   /* growth that comes within is one piece */
#define REST_MIN_MS 1000
#define REST_MAX_MS (5 * 60 * 1000)

static void read_on(struct upload_file *f);

/* --- ending and resting ---------------------------------------------------------------------- */

static bool thread_has_it(const struct upload_file *f)
{
	return f->state == UPLOAD_READING || f->state == UPLOAD_REMOVING;
}

static void file_free(struct upload_file *f)
{
	struct upload *u = f->u;

	list_remove(&f->want);
	timer_free(f->timer);
	upload_read_deinit(&f->read);
	upload_count(u, -f->counted);
	upload_file_gone(u, f);
	free(f);
}

/* The table is closing: goes as soon as nobody holds it. True: it has gone or will. */
static bool end_if_closed(struct upload_file *f)
{
	if (!f->u->closed)
		return false;
	if (f->stream == NULL && !thread_has_it(f))
		file_free(f);
	return true;
}

static void start_removing(struct upload_file *f);

/* The stream has gone. */
static void left(struct upload_file *f)
{
	upload_read_release(&f->read);
	if (f->fate != UPLOAD_KEEP) {
		start_removing(f);
		return;
	}
	f->state = UPLOAD_RESTING;
	timer_once(f->timer, f->rest_ms);
}

static void leave(struct upload_file *f, int64_t rest_ms)
{
	f->rest_ms = rest_ms;
	f->state = UPLOAD_LEAVING;
	timer_stop(f->timer);
	if (f->stream != NULL)
		rpc_stream_cancel(f->stream); /* on_closed goes on */
	else
		left(f);
}

static void failed(struct upload_file *f, const struct err *why)
{
	/* That authd is away is said once, by who keeps the connection. */
	if (why->code != ERR_UNAVAILABLE)
		log_warn("recording not sent", kv("sid", f->read.sid), kv("reason", why->msg));
	f->fate = why->code == ERR_CORRUPT && f->read.ended ? UPLOAD_QUARANTINE : UPLOAD_KEEP;
	leave(f, backoff_next(&f->pause));
}

/* --- out of the spool ------------------------------------------------------------------------ */

static void remove_run(struct work *w)
{
	struct upload_file *f = container_of(w, struct upload_file, work);
	int rc = 0;

	f->result = (struct err){ 0 };
	if (f->fate == UPLOAD_QUARANTINE)
		rc = spool_quarantine(f->read.dir, f->read.sid, &f->result);
	if (rc == 0)
		spool_remove(f->read.dir, f->read.sid, &f->result);
}

static void remove_done(struct work *w, bool canceled)
{
	static const char *const ends[] = {
		[UPLOAD_SENT] = "recording sent",
		[UPLOAD_QUARANTINE] = "recording put into quarantine",
		[UPLOAD_LOST] = "recording is gone",
	};
	struct upload_file *f = container_of(w, struct upload_file, work);

	f->state = UPLOAD_LEAVING;
	if (end_if_closed(f))
		return;
	if (canceled || f->result.code != 0) {
		failed(f, &f->result);
		return;
	}
	log_info(ends[f->fate], kv("sid", f->read.sid), kv("bytes", f->read.size));
	file_free(f);
}

static void start_removing(struct upload_file *f)
{
	struct err err = { 0 };

	f->state = UPLOAD_REMOVING;
	if (work_start(f->u->pool, &f->work, remove_run, remove_done, &err) == 0)
		return;
	f->state = UPLOAD_LEAVING; /* the next try finds it so again */
	failed(f, &err);
}

/* --- to authd -------------------------------------------------------------------------------- */

static int send_chunk(struct upload_file *f, const uint8_t *data, size_t len, bool complete,
                      struct err *err)
{
	PB_BYTES_ARRAY_T(CHUNK_MAX) bytes;
	pv_RecordingChunk chunk = {
		.session_id = f->read.sid,
		.offset = (int64_t)f->sent,
		.complete = complete,
	};

	if (len > 0) {
		bytes.size = (pb_size_t)len;
		memcpy(bytes.bytes, data, len);
		chunk.data = (pb_bytes_array_t *)(void *)&bytes;
	}
	f->sent += len;
	return rpc_stream_send(f->stream, &chunk, err);
}

static void await(struct upload_file *f, enum upload_file_state state)
{
	f->state = state;
	timer_once(f->timer, ANSWER_MS);
}

static void send_piece(struct upload_file *f, size_t len)
{
	const uint8_t *data = f->read.pending.data;
	struct err err = { 0 };
	int rc = 0;

	f->sent = f->read.next;
	for (size_t n; rc == 0 && len > 0; data += n, len -= n) {
		n = len < CHUNK_MAX ? len : CHUNK_MAX;
		rc = send_chunk(f, data, n, false, &err);
	}
	if (rc == 0)
		await(f, UPLOAD_SENDING);
	else
		failed(f, &err);
}

static void send_complete(struct upload_file *f)
{
	struct err err = { 0 };

	f->sent = f->read.next;
	if (send_chunk(f, NULL, 0, true, &err) == 0)
		await(f, UPLOAD_COMPLETING);
	else
		failed(f, &err);
}

/* All is sent and more will come. The stream is kept unless others wait for one. */
static void idle(struct upload_file *f)
{
	if (!list_empty(&f->u->queue)) {
		leave(f, f->changed ? GATHER_MS : rand_jitter(LOOK_MS));
		return;
	}
	f->state = UPLOAD_IDLE;
	timer_once(f->timer, f->changed ? GATHER_MS : rand_jitter(LOOK_MS));
}

/* --- from the file --------------------------------------------------------------------------- */

static void read_run(struct work *w)
{
	struct upload_file *f = container_of(w, struct upload_file, work);

	f->result = (struct err){ 0 };
	upload_read_look(&f->read, &f->result);
}

static void on_read_failed(struct upload_file *f)
{
	const struct err why = f->result;

	if (why.code == ERR_NOT_FOUND) {
		f->fate = UPLOAD_LOST;
		leave(f, 0);
		return;
	}
	if (why.code == ERR_CORRUPT)
		f->read.ended = true; /* nothing will make it better */
	failed(f, &why);
}

static void read_done(struct work *w, bool canceled)
{
	struct upload_file *f = container_of(w, struct upload_file, work);
	static const struct err lost = { ERR_UNAVAILABLE, "the connection was lost" };
	size_t ready;

	f->state = UPLOAD_LEAVING;
	if (end_if_closed(f) || canceled)
		return;
	upload_count(f->u, (int64_t)f->read.size - f->counted);
	f->counted = (int64_t)f->read.size;
	if (f->read.recovered)
		log_info("recording completed for a recorder that died", kv("sid", f->read.sid),
		         kv("dropped", f->read.dropped));
	f->read.recovered = false;
	ready = upload_read_ready(&f->read);
	if (f->result.code != 0)
		on_read_failed(f);
	else if (f->stream == NULL)
		failed(f, &lost);
	else if (ready > 0)
		send_piece(f, ready);
	else if (f->read.ended)
		send_complete(f);
	else
		idle(f);
}

static void read_on(struct upload_file *f)
{
	struct err err = { 0 };

	timer_stop(f->timer);
	f->changed = false;
	f->state = UPLOAD_READING;
	if (work_start(f->u->pool, &f->work, read_run, read_done, &err) == 0)
		return;
	f->state = UPLOAD_LEAVING;
	failed(f, &err);
}

/* --- from authd ------------------------------------------------------------------------------ */

/* The first answer: how much is there. */
static void on_resume(struct upload_file *f, uint64_t offset)
{
	uint64_t noted = upload_read_noted(&f->read);

	if (offset < noted)
		log_warn("authd has less of a recording than it had", kv("sid", f->read.sid),
		         kv("had", noted), kv("has", offset));
	upload_read_seek(&f->read, offset);
	read_on(f);
}

static void on_acknowledged(struct upload_file *f, uint64_t offset)
{
	static const struct err wrong = { ERR_INTERNAL, "authd acknowledges what was not sent" };

	if (offset > f->sent) {
		failed(f, &wrong);
		return;
	}
	backoff_reset(&f->pause);
	if (offset < f->sent) {
		timer_once(f->timer, ANSWER_MS);
		return;
	}
	upload_read_advance(&f->read, offset);
	read_on(f);
}

static void on_message(struct rpc_stream *s, const void *message)
{
	struct upload_file *f = rpc_stream_data(s);
	const pv_RecordingAck *ack = message;
	uint64_t offset = ack->offset > 0 ? (uint64_t)ack->offset : 0;

	if (f->state == UPLOAD_OPENING)
		on_resume(f, offset);
	else if (f->state == UPLOAD_SENDING)
		on_acknowledged(f, offset);
}

static void on_closed(struct rpc_stream *s, const struct err *err)
{
	static const struct err early = { ERR_UNAVAILABLE, "authd ended the stream" };
	struct upload_file *f = rpc_stream_data(s);

	f->stream = NULL;
	upload_give_stream(f->u);
	if (end_if_closed(f))
		return;
	if (f->state == UPLOAD_LEAVING) {
		left(f);
	} else if (f->state == UPLOAD_COMPLETING && err == NULL) {
		timer_stop(f->timer);
		f->fate = UPLOAD_SENT;
		start_removing(f);
	} else if (!thread_has_it(f)) {
		failed(f, err != NULL ? err : &early);
	}
}

void upload_file_granted(struct upload_file *f)
{
	static const struct rpc_stream_events events = { .message = on_message,
		                                         .closed = on_closed };
	struct err err = { 0 };

	f->sent = 0;
	if (rpc_stream_start(host_client(f->u->conf.host), AUTH_UPLOAD_RECORDING, NULL, 0, &events,
	                     f, &f->stream, &err) != 0) {
		upload_give_stream(f->u);
		failed(f, &err);
	} else if (send_chunk(f, NULL, 0, false, &err) != 0) {
		failed(f, &err);
	} else {
		await(f, UPLOAD_OPENING);
	}
}

/* --- life ------------------------------------------------------------------------------------ */

static void queue(struct upload_file *f)
{
	timer_stop(f->timer);
	f->state = UPLOAD_QUEUED;
	upload_want_stream(f->u, f);
}

static void on_timer(void *owner)
{
	static const struct err late = { ERR_TIMEOUT, "no acknowledgement in time" };
	struct upload_file *f = owner;

	if (f->state == UPLOAD_RESTING)
		queue(f);
	else if (f->state == UPLOAD_IDLE)
		read_on(f);
	else
		failed(f, &late);
}

void upload_file_changed(struct upload_file *f)
{
	bool waits =
	        f->state == UPLOAD_IDLE || (f->state == UPLOAD_RESTING && f->pause.ceiling_ms == 0);

	if (waits && !f->changed)
		timer_once(f->timer, GATHER_MS);
	f->changed = true;
}

void upload_file_retry(struct upload_file *f)
{
	if (f->state == UPLOAD_RESTING)
		queue(f);
}

static int64_t size_of(const struct upload *u, const char *sid)
{
	char name[SPOOL_NAME_SIZE];
	struct err ignored;
	struct stat st;

	if (spool_name(name, sid, SPOOL_RECORDING, &ignored) != 0 ||
	    fstatat(u->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return st.st_size;
}

struct upload_file *upload_file_new(struct upload *u, const char *sid)
{
	struct upload_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->timer = timer_new(u->conf.loop, on_timer, f);
	if (f->timer == NULL) {
		free(f);
		return NULL;
	}
	f->u = u;
	f->pause = (struct backoff){ .first_ms = REST_MIN_MS, .most_ms = REST_MAX_MS };
	list_init(&f->link);
	list_init(&f->want);
	upload_read_init(&f->read, u->dir, sid);
	f->counted = size_of(u, sid);
	upload_count(u, f->counted);
	queue(f);
	return f;
}

void upload_file_close(struct upload_file *f)
{
	timer_stop(f->timer);
	if (f->stream != NULL)
		rpc_stream_cancel(f->stream); /* on_closed frees */
	else if (!thread_has_it(f))
		file_free(f);
}

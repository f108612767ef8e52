#include "store/keyspace_lmdb.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "store/events.h"
#include "store/keyspace_impl.h"
#include "store/lmdb.h"
#include "store/peers.h"
#include "store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAP_SIZE_DEFAULT   ((size_t)16 << 30)
#define LOG_EVENTS_DEFAULT 100000
#define LOG_AGE_DEFAULT    (24LL * 3600 * 1000)
#define QUEUE_DEFAULT      65536

struct local {
	struct keyspace base;
	struct lmdb *db;
	struct writer *writer;
	struct events *events;
	struct peers *peers;
	int fd; /* readable when the writer or a peer has something to tell */
	const struct clock *clock;
};

/* --- open and close -------------------------------------------------------------------------- */

static void release(struct local *ks)
{
	writer_free(ks->writer);
	events_free(ks->events);
	peers_close(ks->peers);
	lmdb_close(ks->db);
	if (ks->fd >= 0)
		close(ks->fd);
	free(ks);
}

static int listen_to(struct local *ks, int fd, struct err *err)
{
	struct epoll_event readable = { .events = EPOLLIN };

	if (epoll_ctl(ks->fd, EPOLL_CTL_ADD, fd, &readable) == 0)
		return 0;
	return err_set_errno(err, ERR_IO, errno, "keyspace: wait for two descriptors");
}

static int open_fd(struct local *ks, struct err *err)
{
	ks->fd = epoll_create1(EPOLL_CLOEXEC);
	if (ks->fd < 0)
		return err_set_errno(err, ERR_IO, errno, "keyspace: make an epoll descriptor");
	if (listen_to(ks, peers_fd(ks->peers), err) != 0)
		return err->code;
	return listen_to(ks, writer_fd(ks->writer), err);
}

static int open_parts(struct local *ks, const struct keyspace_lmdb_options *o, struct err *err)
{
	struct writer_options writer = {
		.clock = ks->clock,
		.log_events = o->log_events != 0 ? o->log_events : LOG_EVENTS_DEFAULT,
		.log_age_ms = o->log_age_ms != 0 ? o->log_age_ms : LOG_AGE_DEFAULT,
		.waiting_max = o->queue != 0 ? o->queue : QUEUE_DEFAULT,
	};
	uint64_t newest;
	uint64_t compacted;

	if (lmdb_open(o->dir, o->map_size != 0 ? o->map_size : MAP_SIZE_DEFAULT, &ks->db, err) !=
	            0 ||
	    peers_open(o->dir, &ks->peers, err) != 0 ||
	    lmdb_revisions(ks->db, &newest, &compacted, err) != 0)
		return err->code;
	ks->events = events_new(ks->db, newest);
	if (ks->events == NULL)
		return err_set_nomem(err);
	writer.db = ks->db;
	writer.peers = ks->peers;
	if (writer_start(&writer, &ks->writer, err) != 0)
		return err->code;
	if (open_fd(ks, err) == 0)
		return 0;
	writer_stop(ks->writer);
	return err->code;
}

static struct local *local_of(const struct keyspace *ks)
{
	return container_of(ks, struct local, base);
}

static void local_close(struct keyspace *base)
{
	struct local *ks = local_of(base);

	writer_stop(ks->writer);
	keyspace_dispatch(base);
	release(ks);
}

/* --- callbacks ------------------------------------------------------------------------------- */

static int local_fd(const struct keyspace *base)
{
	return local_of(base)->fd;
}

/* Values may be secrets. */
static void write_free(struct write *w)
{
	explicit_bzero(w, w->size);
	free(w);
}

/* What a process that ended was reading would be kept for ever. */
static void hear_peers(struct local *ks)
{
	struct peers_news news = peers_take(ks->peers);

	if (news.ended)
		lmdb_forget_dead(ks->db);
	if (news.told || news.ended)
		writer_look(ks->writer);
}

static void local_dispatch(struct keyspace *base)
{
	struct local *ks = local_of(base);
	struct write *w;

	hear_peers(ks);
	writer_clear(ks->writer);
	while ((w = writer_next(ks->writer)) != NULL) {
		if (w->err.code == 0)
			w->done(w->arg, w->revision, NULL);
		else
			w->done(w->arg, 0, &w->err);
		write_free(w);
	}
	events_pump(ks->events);
}

/* --- reads ----------------------------------------------------------------------------------- */

static bool local_is_broken(const struct keyspace *base)
{
	return lmdb_is_broken(local_of(base)->db);
}

static bool local_leads(const struct keyspace *base)
{
	return peers_lead(local_of(base)->peers);
}

static uint64_t local_revision(const struct keyspace *base)
{
	uint64_t newest = 0;
	uint64_t compacted;
	struct err err;

	return lmdb_revisions(local_of(base)->db, &newest, &compacted, &err) == 0 ? newest : 0;
}

static int local_get(struct keyspace *base, const char *key, struct keyspace_item *out_item,
                     struct err *err)
{
	struct local *ks = local_of(base);

	return lmdb_get(ks->db, key, clock_wall_ms(ks->clock), out_item, err);
}

static int local_each(struct keyspace *base, const struct keyspace_query *query,
                      keyspace_item_fn fn, void *arg, uint64_t *out_revision, struct err *err)
{
	struct local *ks = local_of(base);

	return lmdb_each(ks->db, query, clock_wall_ms(ks->clock), fn, arg, out_revision, err);
}

static int local_watch_open(struct keyspace *base, const struct keyspace_watch_options *options,
                            struct keyspace_watch **out_watch, struct err *err)
{
	return events_watch(local_of(base)->events, options, out_watch, err);
}

/* --- writes ---------------------------------------------------------------------------------- */

static bool has_value(const struct keyspace_op *op)
{
	return op->action == KEYSPACE_PUT;
}

static size_t bytes_of(const struct keyspace_op *op)
{
	size_t size = strlen(op->key) + 1;

	if (op->to != NULL)
		size += strlen(op->to) + 1;
	if (has_value(op))
		size += op->len;
	if (op->condition == KEYSPACE_IF_VALUE)
		size += op->expected_len;
	return size;
}

static const void *copy_to(char **room, const void *bytes, size_t len)
{
	char *at = *room;

	if (len > 0)
		memcpy(at, bytes, len);
	*room += len;
	return at;
}

/* `op` as it was given becomes one that points into `room` only. */
static void copy_op(struct keyspace_op *op, char **room)
{
	op->key = copy_to(room, op->key, strlen(op->key) + 1);
	if (op->to != NULL)
		op->to = copy_to(room, op->to, strlen(op->to) + 1);
	if (has_value(op))
		op->value = copy_to(room, op->value, op->len);
	if (op->condition == KEYSPACE_IF_VALUE)
		op->expected = copy_to(room, op->expected, op->expected_len);
}

static struct write *write_new(const struct keyspace_op *ops, size_t count)
{
	size_t size = sizeof(struct write) + count * sizeof(*ops);
	struct write *w;
	char *room;

	for (size_t i = 0; i < count; i++)
		size += bytes_of(&ops[i]);
	w = calloc(1, size);
	if (w == NULL)
		return NULL;
	w->size = size;
	w->count = count;
	room = (char *)&w->ops[count];
	for (size_t i = 0; i < count; i++) {
		w->ops[i] = ops[i];
		copy_op(&w->ops[i], &room);
	}
	return w;
}

static int local_write(struct keyspace *base, const struct keyspace_op *ops, size_t count,
                       keyspace_done_cb done, void *arg, struct err *err)
{
	struct write *w = write_new(ops, count);

	if (w == NULL)
		return err_set_nomem(err);
	w->done = done;
	w->arg = arg;
	if (writer_add(local_of(base)->writer, w, err) != 0) {
		write_free(w);
		return err->code;
	}
	return 0;
}

/* --- open ------------------------------------------------------------------------------------ */

int keyspace_lmdb_open(const struct keyspace_lmdb_options *o, struct keyspace **out_ks,
                       struct err *err)
{
	static const struct keyspace_impl impl = {
		.close = local_close,
		.fd = local_fd,
		.dispatch = local_dispatch,
		.is_broken = local_is_broken,
		.leads = local_leads,
		.revision = local_revision,
		.get = local_get,
		.each = local_each,
		.write = local_write,
		.watch_open = local_watch_open,
	};
	struct local *ks = calloc(1, sizeof(*ks));

	if (ks == NULL)
		return err_set_nomem(err);
	ks->base.impl = &impl;
	ks->fd = -1;
	ks->clock = o->clock != NULL ? o->clock : clock_system();
	if (open_parts(ks, o, err) != 0) {
		release(ks);
		return err->code;
	}
	*out_ks = &ks->base;
	return 0;
}

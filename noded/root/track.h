/*
 * track - the processes that noded-root answers for: an sshd per connection, a noded-login per
 * session. They outlive it, and are found again by their files.
 *
 *   track_add --> alive --> pidfd readable --> file removed, noded told, freed
 *                   |                               ^
 *                   +-- track_end: SIGTERM -- grace -- SIGKILL to its process group
 *
 * <run_dir>/<folder>/<id> holds a packet: id, pid, start, started, and what track_add() and
 * track_put() were given. Process ids are used again; together with the start time (proc.h) they
 * are not.
 */
#ifndef NODED_ROOT_TRACK_H
#define NODED_ROOT_TRACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "ipc/packet.h"
#include "noded/root/loop.h"

struct err;
struct root;

enum track_kind { TRACK_CONNECTION, TRACK_SESSION };

struct track {
	struct list link;
	struct root *root;
	enum track_kind kind;
	struct source exited; /* pidfd */
	pid_t pid;
	int64_t kill_at; /* monotonic ms; 0: not ending */
	char *fields;    /* the packet of its file */
	size_t len;
};

/* Finds those of an earlier noded-root; removes the files of processes that are gone. ERR_IO. */
int track_open(struct root *r, struct err *err);

/* Frees what we know; the processes live on. */
void track_close(struct root *r);

/* `more`: a packet whose fields are kept too. The process must lead a process group. ERR_INVALID:
 * not an id. ERR_EXISTS, ERR_NOT_FOUND (it has ended), ERR_IO, ERR_NOMEM. */
int track_add(struct root *r, enum track_kind kind, const char *id, pid_t pid,
              const struct packet *more, struct track **out, struct err *err);

struct track *track_find(const struct root *r, enum track_kind kind, const char *id);

/* The connection whose sshd `pid` descends from, or NULL. */
struct track *track_ancestor(const struct root *r, pid_t pid);

/* "" when absent. */
const char *track_get(const struct track *t, const char *key);

/* Remembers a field. ERR_CONFLICT: it has another value already. */
int track_put(struct track *t, const char *key, const char *value, struct err *err);

void track_end(struct track *t);

/* Kills what has not ended in time. Milliseconds until the next such moment, -1: none. */
int track_tick(struct root *r);

bool track_id_ok(const char *id); /* pure */

#endif

/*
 * recordings - session recordings as nodes stream them here, and as people play them.
 *
 * A file per session, <dir>/<sid>.rec, that only grows; its frames are checked as they come
 * (record/frame.h). What a node was told it need not keep is on the disk here. When a
 * recording is complete, authd's countersignature over its hash chain is kept beside it
 * (<sid>.sig). The stream is described in docs/PROTOCOL.md.
 */
#ifndef AUTHD_RECORDINGS_H
#define AUTHD_RECORDINGS_H

#include <stdint.h>

#include <uv.h>

struct authd;
struct clock;
struct err;
struct key;
struct recordings;

struct recordings_spec {
	const char *dir; /* made, with mode 0750, when it is absent */
	int64_t quota;   /* bytes that all may take; 0 = no bound but the disk */
	int64_t keep_ms; /* removed when they were last written this long ago; 0 = never */
	struct key *key; /* countersigns: the host authority's; a reference is kept */
	uv_loop_t *loop;
	const struct clock *clock;
};

int recordings_open(struct recordings **out, const struct recordings_spec *spec, struct err *err);

/* Another key countersigns from now on. */
void recordings_set_key(struct recordings *r, struct key *key);

/* Legal once no call is open any more; its last handles close as the loop runs on. NULL is fine. */
void recordings_close(struct recordings *r);

#endif

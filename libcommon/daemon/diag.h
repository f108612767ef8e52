/*
 * diag - the diagnostic address: health and figures, as plain HTTP, for whoever supervises.
 *
 *   GET /healthz   200 as long as the daemon's loop turns
 *   GET /readyz    200 "ready", or 503 with the reason
 *   GET /metrics   the daemon's figures, one "name value" a line
 *
 * It is for a loopback address or a unix socket (mode 0660): nothing is authenticated here.
 */
#ifndef DAEMON_DIAG_H
#define DAEMON_DIAG_H

typedef struct uv_loop_s uv_loop_t;
struct buf;
struct diag;
struct err;

struct diag_conf {
	uv_loop_t *loop;
	const char *addr; /* "127.0.0.1:3000", "unix:/run/postern/authd/diag.sock"; "" = nowhere */
	void *ctx;
	/* 0, or why it is not ready. May be NULL: always ready. */
	int (*ready)(void *ctx, struct err *err);
	/* Appends the figures. May be NULL. */
	void (*metrics)(void *ctx, struct buf *out);
};

/* ERR_INVALID: an address that is neither loopback nor a unix socket. *out is NULL for "". */
int diag_open(const struct diag_conf *conf, struct diag **out, struct err *err);
void diag_close(struct diag *d); /* NULL allowed; run the loop until it has closed */

#endif

/*
 * preflight - does the API server let us do what we are for? Asked when the daemon starts, and
 * again as long as the answer is no: may our credentials impersonate users, groups and service
 * accounts.
 *
 *   ASKING (one SelfSubjectAccessReview after the other) --all allowed--> DONE
 *      ^          \--something missing, or not reached--> WAITING --PREFLIGHT_MS--'
 *
 * Nothing is refused meanwhile: the API server judges each request itself. But people would read
 * its denials as their own, so the log and the readiness say whose they are.
 */
#ifndef KUBEPROXYD_UPSTREAM_PREFLIGHT_H
#define KUBEPROXYD_UPSTREAM_PREFLIGHT_H

typedef struct uv_loop_s uv_loop_t;
struct err;
struct preflight;
struct upstream;

/* Begins to ask. ERR_NOMEM. */
int preflight_open(struct upstream *u, uv_loop_t *loop, struct preflight **out, struct err *err);
void preflight_close(struct preflight *p); /* before the upstream; NULL allowed */

/* 0: all is allowed; or what the last round said. */
int preflight_check(const struct preflight *p, struct err *err);

#endif

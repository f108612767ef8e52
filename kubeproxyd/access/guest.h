/*
 * guest - one request's right: who asks, as whom it is made in Kubernetes, with which limits. The
 * one place where kubeproxyd decides, by roles, locks and settings as the cache has them now; what
 * a certificate says of Kubernetes counts for nothing.
 */
#ifndef KUBEPROXYD_ACCESS_GUEST_H
#define KUBEPROXYD_ACCESS_GUEST_H

#include "base/strlist.h"
#include "kubeproxyd/request/attributes.h"
#include "kubeproxyd/request/impersonation.h"
#include "model/role_option.h"
#include "wire/http1.h"

#include <stdint.h>

struct err;
struct headers;
struct visit;

/* So long after the watch was lost locks count as known. */
#define GUEST_LOCKS_OLD_MS (5 * 60 * 1000)

/* Counted. */
struct guest {
	unsigned refs;
	struct visit *visit;          /* who: visit->peer.identity, visit->peer.addr */
	struct attributes attributes; /* what is asked for */
	struct strlist users;         /* as whom they might act: kubernetes_users of the audit */
	struct strlist groups;        /* kubernetes_groups */
	struct impersonation acts_as; /* what they chose among these */
	struct role_options limits;   /* of roles and cluster together */
	bool records_strictly;        /* no session goes on unrecorded */
	int64_t end;                  /* when it must end (ms since 1970); 0: never by the clock */
	struct guest *joins;          /* whose session they join; NULL: a request of their own */
	const char *mode;             /* as what: observer, peer */
};

/* 0 and *out (guest_unref()); ERR_DENIED, ERR_UNAUTHENTICATED, ERR_UNAVAILABLE (nothing heard from
 * authd yet) with the reason. `headers` are the client's. */
int guest_admit(struct visit *visit, const struct attributes *attributes,
                const struct http1_header *headers, size_t count, struct guest **out,
                struct err *err);

/*
 * The same of somebody who joins what `host` began, as "observer" or "peer" (kept as it is). Where
 * roles leave it to who could begin such a session alike, they must be allowed all that it uses:
 * the object, the user and the groups.
 */
int guest_join(struct visit *visit, struct guest *host, const char *mode, struct guest **out,
               struct err *err);

/* May what was admitted go on? Takes over limits and end as they are now. A certificate that ended
 * meanwhile counts only where a role says so (limits.disconnect_expired_cert). Errors as
 * guest_admit(). */
int guest_check_again(struct guest *g, struct err *err);

struct guest *guest_ref(struct guest *g);
void guest_unref(struct guest *g); /* NULL allowed */

/*
 * Appends all headers of the request as it goes to the API server: ours (Host, Authorization), as
 * whom (Impersonate-*), X-Forwarded-*, and what may pass of the client's.
 */
int guest_headers(const struct guest *g, const struct http1_header *from, size_t count,
                  struct headers *to, struct err *err);

#endif

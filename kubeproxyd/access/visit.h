/*
 * visit - who is at the other end of a connection, by its certificate.
 *
 * Only people may act in a Kubernetes cluster. A host's certificate here means that somebody ends
 * TLS on the way and shows its own: that is said.
 */
#ifndef KUBEPROXYD_ACCESS_VISIT_H
#define KUBEPROXYD_ACCESS_VISIT_H

#include "base/err.h"
#include "model/identity.h"

struct kubeproxyd;
struct tls_peer;

/* Counted: requests outlive their connection by a moment. */
struct visit {
	unsigned refs;
	struct kubeproxyd *k;
	struct peer peer;
	struct err refused; /* why nothing is done for them; code 0: they are known */
};

/* `addr` is the client's own. NULL when memory runs out; a peer that is refused is a visit, too, so
 * that it hears why in its own protocol. */
struct visit *visit_new(struct kubeproxyd *k, const struct tls_peer *tls, const char *addr);
struct visit *visit_ref(struct visit *v);
void visit_unref(struct visit *v); /* NULL allowed */

#endif

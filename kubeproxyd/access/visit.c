#include "kubeproxyd/access/visit.h"

#include "base/clock.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "daemon/host.h"
#include "kubeproxyd/core/kubeproxyd.h"
#include "model/trust.h"

#include <stdlib.h>

static int read_peer(const struct kubeproxyd *k, const struct tls_peer *tls, const char *addr,
                     struct peer *out, struct err *err)
{
	if (tls->cert == NULL)
		return err_set(err, ERR_UNAUTHENTICATED,
		               "no client certificate was shown; run 'tsh login'");
	return trust_tls_peer(host_trust(k->host), tls, addr, clock_wall_ms(k->clock), out, err);
}

static int check_peer(const struct peer *peer, struct err *err)
{
	if (peer->kind == PEER_USER)
		return 0;
	return err_set(err, ERR_DENIED,
	               "a host (%s) may not act in Kubernetes; this can be caused "
	               "by an HTTP load balancer in front, which must pass TLS through",
	               peer->identity.system_role);
}

struct visit *visit_new(struct kubeproxyd *k, const struct tls_peer *tls, const char *addr)
{
	struct visit *v = calloc(1, sizeof(*v));
	struct err err = { 0 };

	if (v == NULL)
		return NULL;
	v->refs = 1;
	v->k = k;
	if (read_peer(k, tls, addr, &v->peer, &err) != 0 || check_peer(&v->peer, &err) != 0)
		v->refused = err;
	str_copy(v->peer.addr, sizeof(v->peer.addr), addr);
	return v;
}

struct visit *visit_ref(struct visit *v)
{
	v->refs++;
	return v;
}

void visit_unref(struct visit *v)
{
	if (v == NULL || --v->refs > 0)
		return;
	peer_deinit(&v->peer);
	free(v);
}

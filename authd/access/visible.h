/*
 * visible - which resources a caller may see: the rules for their kind, and what goes beyond them.
 *
 *   everybody   cert_authority is shown without private halves, always; kinds that are secrets
 *               themselves (token) need `read`, the others `readnosecrets`
 *   users       their own user record, always; nodes and Kubernetes clusters only where some role
 *               lets them in;
 *               sessions where a rule's `where` holds for them
 *               access requests that are their own, or that they may judge
 *   nodes, kubeproxyd  of sessions their own only
 *   other clusters' daemons
 *               of authorities those of this cluster
 */
#ifndef AUTHD_ACCESS_VISIBLE_H
#define AUTHD_ACCESS_VISIBLE_H

#include "model/resource.h"

#include <stdbool.h>

struct err;
struct label_set;
struct rpc_call;

/* What is needed to judge many resources of one kind; filled by visible_begin(). Rules are those
 * of that moment: whoever keeps it longer asks access_generation() whether they still hold.
 */
struct visible {
	const struct rpc_call *call;
	const struct resource_kind *kind;
	const char *verb;
	bool list;     /* the verb list is needed as well */
	bool by_rules; /* the rules allow it of every resource of the kind */
	bool all;      /* and nothing else is asked: every one is visible */
};

/* `list`: the caller asks for many, and needs the verb list too. ERR_DENIED: of this kind the
 * caller can see nothing at all. */
int visible_begin(struct visible *v, const struct rpc_call *call, const struct resource_kind *kind,
                  bool with_secrets, bool list, struct err *err);

bool visible_check(const struct visible *v, const pv_Resource *r);

/* Of a node only hostname and labels are known: false if visible_check() would say so too. */
bool visible_node(const struct visible *v, const char *hostname, const struct label_set *labels);

#endif

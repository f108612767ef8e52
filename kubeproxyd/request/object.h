/*
 * object - what a request does to which object, in the words of roles (kubernetes_resources).
 */
#ifndef KUBEPROXYD_REQUEST_OBJECT_H
#define KUBEPROXYD_REQUEST_OBJECT_H

#include "model/role.h"

#include <stdbool.h>

struct attributes;

/*
 * Fills *out, which borrows from `a`. False: roles do not bound it, for it tells only what there is
 * to ask for (discovery, health), or about the asker (selfsubjectaccessreviews and their like).
 *
 * Subresources of a pod are verbs of their own: exec and attach are "exec", portforward and proxy
 * "portforward", log is "get". What has no name yet (create) or many is all of the kind.
 */
bool object_of(const struct attributes *a, struct role_kubernetes_object *out);

#endif

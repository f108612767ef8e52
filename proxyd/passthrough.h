/*
 * passthrough - clients who want another service of the cluster get it through us, untouched: TLS
 * is between them and it, and we only say where they came from.
 *
 *   SNI "authd", "auth.<cluster>"                       authd
 *   SNI "kube.<cluster>", "<kube>.kube.<cluster>"       a kubeproxyd (kube_route.h)
 *   the same names of a leaf of ours                    the leaf's proxy, through its agent's
 * tunnel, and "proxy.<leaf>"                                  as if the client had come there
 *
 * Until TLS has begun, a refusal is a plain alert (RFC 5246, 7.2) in which the client reads what
 * the matter is: unrecognized_name (112), access_denied (49) for a lock, internal_error (80) when
 * nobody is reached.
 */
#ifndef PROXYD_PASSTHROUGH_H
#define PROXYD_PASSTHROUGH_H

#include <stdbool.h>

struct proxyd;
struct stream;

/* `forwarded`: by another cluster's proxy; such get to what is here only. */
bool passthrough_wants(const struct proxyd *p, const char *server_name, bool forwarded);

/* Takes the stream, whose bytes so far are still unused. */
void passthrough_serve(struct proxyd *p, struct stream *take_stream, const char *server_name);

#endif

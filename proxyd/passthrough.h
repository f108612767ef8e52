/*
 * passthrough - clients who want authd itself (SNI "authd" or "auth.<cluster>") get it through
 * us, untouched: TLS is between them and authd, and we only say where they came from.
 */
#ifndef PROXYD_PASSTHROUGH_H
#define PROXYD_PASSTHROUGH_H

#include <stdbool.h>

struct proxyd;
struct stream;

bool passthrough_wants(const struct proxyd *p, const char *server_name);

/* Takes the stream, whose bytes so far are still unused. */
void passthrough_serve(struct proxyd *p, struct stream *take_stream);

#endif

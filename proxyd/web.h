/*
 * web - what people without a certificate may ask: find the cluster, log in, accept an invite.
 *
 *   GET  /v1/Ping                         who is there, and its clock
 *   POST /v1/Ping, Login, GetInvite, AcceptInvite   JSON, as authd's own (docs/PROTOCOL.md)
 *   GET  /web/invite/<token>              a plain form; looking at it consumes nothing
 *   POST /web/invite                      sets the password
 *
 * Calls are made anew from what was understood, never copied through.
 */
#ifndef PROXYD_WEB_H
#define PROXYD_WEB_H

struct proxyd;
struct stream;

/* Serves a client whose TLS handshake is done. Takes the stream. */
void web_serve(struct proxyd *p, struct stream *take_stream);

#endif

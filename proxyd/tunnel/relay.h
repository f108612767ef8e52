/*
 * relay - another proxy of our cluster asks for bytes to a service behind an agent that has its
 * tunnel here: one request, one answer, then the bytes, as they are.
 *
 *   u32 big-endian length | pv_RelayRequest  -->
 *                                            <--  u32 length | pv_DialResponse
 *   raw bytes both ways
 *
 * Only through a tunnel that is here: who asks us is never sent on to a third.
 */
#ifndef PROXYD_TUNNEL_RELAY_H
#define PROXYD_TUNNEL_RELAY_H

struct proxyd;
struct stream;

/* A connection whose handshake agreed on RELAY_ALPN. Takes the stream. */
void relay_serve(struct proxyd *p, struct stream *take_stream);

#endif

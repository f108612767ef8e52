/*
 * front - the public port: which protocol a new connection speaks, and who serves it.
 *
 *   "SSH-"                              the SSH door
 *   ClientHello, SNI authd              pass-through
 *   ClientHello, else      --TLS-->     ALPN postern-stream/1: stream dial
 *                                       ALPN postern-tunnel/1: an agent's tunnel
 *                                       ALPN postern-peer/1: another proxy, for one of our tunnels
 *                                       ALPN http/1.1 or none: web and JSON API
 */
#ifndef PROXYD_FRONT_H
#define PROXYD_FRONT_H

struct proxyd;
struct stream;

/* A connection was accepted. Takes the stream. */
void front_serve(struct proxyd *p, struct stream *take_stream);

#endif

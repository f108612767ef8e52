/*
 * stream_dial - the "postern-stream/1" protocol on the public port: one request, one answer,
 * then the bytes of a node.
 *
 *   u32 big-endian length | pv_DialRequest  -->
 *                                           <--  u32 length | pv_DialResponse
 *   raw bytes both ways
 */
#ifndef PROXYD_STREAM_DIAL_H
#define PROXYD_STREAM_DIAL_H

struct proxyd;
struct stream;

#define STREAM_DIAL_ALPN "postern-stream/1"

/* Serves a client whose TLS handshake is done. Takes the stream. */
void stream_dial_serve(struct proxyd *p, struct stream *take_stream);

#endif

/*
 * h2_pump - moves what an HTTP/2 session has to say into its stream, as far as that takes it.
 */
#ifndef RPC_H2_PUMP_H
#define RPC_H2_PUMP_H

struct err;
struct http2;
struct stream;

/* Frames are gathered, so that small ones share a TLS record and a system call. When the stream
 * is full, call again from its on_drain. ERR_NOMEM, ERR_INTERNAL. */
int h2_pump(struct http2 *h, struct stream *s, struct err *err);

#endif

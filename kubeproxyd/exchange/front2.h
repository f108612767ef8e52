/*
 * front2 - a client's connection that speaks HTTP/2: many exchanges at once, one per stream.
 *
 * A stream that its client does not read holds back its own exchange and no other.
 */
#ifndef KUBEPROXYD_EXCHANGE_FRONT2_H
#define KUBEPROXYD_EXCHANGE_FRONT2_H

struct stream;
struct visit;

/* Takes the stream, whatever happens. A reference of the visit is kept. */
void front2_start(struct visit *visit, struct stream *take_stream);

#endif

/*
 * front1 - a client's connection that speaks HTTP/1.1: one exchange after the other.
 *
 *   IDLE --head--> BUSY --answer whole, request whole--> IDLE
 *                    |  \--answer whole, request not: nobody reads the rest--> closed
 *                    '--channel: the stream goes to it
 *
 * A request that comes while another is under way waits in the stream.
 */
#ifndef KUBEPROXYD_EXCHANGE_FRONT1_H
#define KUBEPROXYD_EXCHANGE_FRONT1_H

struct stream;
struct visit;

/* Takes the stream, whatever happens. A reference of the visit is kept. */
void front1_start(struct visit *visit, struct stream *take_stream);

#endif

/*
 * join - somebody joins a live session: the connection was passed on for that, its TLS ends here,
 * here it is decided whether they may, and again whenever roles or locks change.
 *
 *   ASKED --SessionJoin, allowed--> JOINED --the session is over--> ENDING
 *      \__________________refused_________________________________/^
 */
#ifndef KUBEPROXYD_SESSIONS_JOIN_H
#define KUBEPROXYD_SESSIONS_JOIN_H

struct kubeproxyd;
struct stream;
struct visit;

/* Takes the stream, which is secure; keeps a reference of the visit. */
void join_serve(struct visit *visit, struct stream *take_stream);

/* Ends those that are in no session (any more); the loop runs until all have closed. */
void joins_close(struct kubeproxyd *k);

#endif

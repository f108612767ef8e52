/*
 * quick - acknowledges at once what a young connection sends, while sshd reads and writes it.
 *
 * Most of a login's time on a fast network is two waits of 40 ms: the client's Nagle algorithm
 * waits for the acknowledgement that our kernel holds back. TCP_QUICKACK lasts for one moment
 * only, so a dup of the descriptor is watched and it is set anew on each event. For two seconds;
 * bulk data does not want it.
 */
#ifndef NODED_QUICK_H
#define NODED_QUICK_H

struct err;
struct noded;
struct quick;

int quick_open(struct noded *n, struct quick **out, struct err *err);
void quick_close(struct quick *q); /* NULL allowed; run the loop once more afterwards */

/* The descriptor stays the caller's. What is no TCP socket does not need it. */
void quick_start(struct quick *q, int fd);

#endif

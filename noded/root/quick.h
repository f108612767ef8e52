/*
 * quick - acknowledges at once what a young connection sends.
 *
 * Most of a login's time on a fast network is two waits of 40 ms: the client's Nagle algorithm
 * waits for the acknowledgement that our kernel holds back. TCP_QUICKACK lasts for one moment
 * only, so a dup of the descriptor is watched and it is set anew on each event, while sshd reads
 * and writes undisturbed. For two seconds; bulk data does not want it.
 */
#ifndef NODED_ROOT_QUICK_H
#define NODED_ROOT_QUICK_H

struct root;

/* The descriptor stays the caller's. What is no TCP socket does not need it. */
void quick_start(struct root *r, int fd);

/* Lets go of those that have grown up. Milliseconds until the next, -1: none. */
int quick_tick(struct root *r);
void quick_close(struct root *r);

#endif

/*
 * orders - what an administrator asks of a live session through its record at authd: its end.
 */
#ifndef NODED_ORDERS_H
#define NODED_ORDERS_H

struct err;
struct noded;
struct orders;

/* Obeys what is asked from now on, and what was asked while authd could not be reached. */
int orders_open(struct noded *n, struct orders **out, struct err *err);
void orders_close(struct orders *o);

#endif

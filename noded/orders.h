/*
 * orders - what an administrator asks of a live session through its record at authd: its end.
 */
#ifndef NODED_ORDERS_H
#define NODED_ORDERS_H

struct err;
struct host_orders;
struct noded;

/* Obeys what is asked from now on, and what was asked while authd could not be reached. */
int orders_open(struct noded *n, struct host_orders **out, struct err *err);

#endif

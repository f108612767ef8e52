/*
 * port - the TLS port: for people, straight or behind a proxy's preface.
 *
 *   accept --daemon/arrivals.h--> secure --> visit --h2------> front2
 *                                                 \--http/1.1-> front1
 *                                                  \--a preface says so--> join
 *
 * A peer that may not be here is let in as far as hearing why, in a form that kubectl prints.
 */
#ifndef KUBEPROXYD_PORT_H
#define KUBEPROXYD_PORT_H

struct err;
struct kubeproxyd;
struct port;

int port_open(struct kubeproxyd *k, struct port **out, struct err *err);
void port_close(struct port *p); /* NULL allowed */

/* The host's certificates or the authorities changed. */
int port_reload(struct port *p, struct err *err);

unsigned port_number(const struct port *p);
unsigned port_connections(const struct port *p);

#endif

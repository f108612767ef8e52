/*
 * port - where connections come in: straight from a client, or forwarded with a preface.
 *
 *   PEEKING --"SSH-"--------------------------------------------> conn
 *      \--"POSTERN1", signed by a Proxy of ours--kind SSH------> conn
 *                                              \--kind JOIN----> join
 *
 * The first bytes are looked at in the kernel (MSG_PEEK) and only a preface is taken out, so that
 * sshd gets the very descriptor, untouched. SO_RCVLOWAT keeps half of a preface from waking us.
 */
#ifndef NODED_PORT_H
#define NODED_PORT_H

struct err;
struct noded;
struct port;

int port_open(struct noded *n, struct port **out, struct err *err);
void port_close(struct port *p);

unsigned port_number(const struct port *p);
unsigned port_connections(const struct port *p);

#endif

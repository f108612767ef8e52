/*
 * tls_port - the TCP port of the API; its connections begin as daemon/arrivals.h says.
 *
 * A client certificate is optional: without one the caller is anonymous; one that is no good ends
 * the connection. authd's own certificate is made at start and again when two thirds of its life
 * are gone. Ticket keys are kept in the data folder, so that those who were connected before a
 * restart resume.
 */
#ifndef AUTHD_PORTS_TLS_PORT_H
#define AUTHD_PORTS_TLS_PORT_H

struct arrivals;
struct authd;
struct err;
struct tls_port;

/* Listens; connections go to a->server. */
int tls_port_open(struct authd *a, struct tls_port **out, struct err *err);

/* The authorities have changed: shows and believes what they want now; connections that are open
 * keep what they have. */
int tls_port_reload(struct tls_port *p, struct err *err);

/* The TCP port that it listens on, for a log line. */
unsigned tls_port_number(const struct tls_port *p);

/* For the metrics. */
const struct arrivals *tls_port_arrivals(const struct tls_port *p);

/* Accepts no more, drops what is not yet with the rpc server, saves the ticket keys. */
void tls_port_close(struct tls_port *p);

#endif

/*
 * local_port - the unix socket of the local administrator. Whoever may open it may do everything,
 * so its mode is 0660 and its group a setting; gRPC and JSON are told apart by the first bytes.
 */
#ifndef AUTHD_PORTS_LOCAL_PORT_H
#define AUTHD_PORTS_LOCAL_PORT_H

struct authd;
struct err;
struct local_port;

int local_port_open(struct authd *a, struct local_port **out, struct err *err);
void local_port_close(struct local_port *p);

#endif

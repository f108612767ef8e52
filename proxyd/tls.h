/*
 * tls - what the public port shows and whom it believes.
 */
#ifndef PROXYD_TLS_H
#define PROXYD_TLS_H

struct err;
struct proxyd;

/*
 * Makes proxyd.public_tls anew: the web certificate (read from its files) or the host certificate
 * as the first choice, client certificates of the cluster's people and hosts optional; and
 * proxyd.pinned_tls, which has the host certificate alone; and proxyd.peer_tls. Connections that
 * stand keep what they have. On failure the old ones stay.
 */
int tls_reload(struct proxyd *p, struct err *err);
void tls_unload(struct proxyd *p);

/* Ticket keys from the data folder, or fresh ones. */
int tls_load_tickets(struct proxyd *p, struct err *err);
void tls_save_tickets(struct proxyd *p);

#endif

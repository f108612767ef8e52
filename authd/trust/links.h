/*
 * links - on the leaf, a standing connection with the authd of each root that we trust, through the
 * root's proxy: what makes both follow the other's rotations in every phase.
 *
 *   root's authorities --watch--> our records of them;  ours --UpdateAuthorities--> root's record
 *
 * TLS is between the two authd, end to end, each known by the authorities exchanged so far; the
 * proxy passes it through and can change nothing. Who was away while the other side changed all its
 * keys is not believed any more, and says so.
 */
#ifndef AUTHD_TRUST_LINKS_H
#define AUTHD_TRUST_LINKS_H

struct authd;
struct err;
struct links;

/* Follows the trusted_clusters in the keyspace. */
int links_open(struct authd *a, struct links **out, struct err *err);
void links_close(struct links *l); /* NULL allowed; run the loop once more afterwards */

/* Our authorities, or those of a root, have changed: connections of the next kind, and the roots
 * are told. NULL is ignored. */
void links_reload(struct links *l);

#endif

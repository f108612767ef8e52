/*
 * refresh - takes over the cluster's authorities as they are now, so that a rotation is followed
 * between two logins.
 */
#ifndef TSH_REFRESH_H
#define TSH_REFRESH_H

struct api;
struct err;
struct profile;

/* Asks authd, and writes the profile's files if there is news. ERR_UNTRUSTED: a rotation is over
 * that this login slept through. Nothing is done for a profile that was turned to a leaf. */
int refresh_authorities(struct api *a, struct profile *p, struct err *err);

#endif

/*
 * limits - how many calls a second a caller may make: a user or a host by its name, whoever has no
 * certificate by the address, the local administrator without bound (limits.*_rate).
 */
#ifndef AUTHD_ACCESS_LIMITS_H
#define AUTHD_ACCESS_LIMITS_H

struct authd;
struct err;
struct peer;

#define LIMITS_CALLERS_MAX 131072 /* that are busy at once */

/* Counts one more call. ERR_LIMIT with err->retry_ms. */
int limits_take(struct authd *a, const struct peer *peer, struct err *err);

/* The same for somebody without a certificate at a proxy, who is known by this address. */
int limits_take_address(struct authd *a, const char *addr, struct err *err);

#endif

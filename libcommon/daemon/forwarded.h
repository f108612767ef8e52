/*
 * forwarded - connections that a proxy passes on: the signed preface in front tells whose they are.
 *
 * Only a host of system role Proxy is believed, certified by the host authority of the cluster that
 * its certificate names, only for this receiver, only once (wire/preface.h).
 */
#ifndef DAEMON_FORWARDED_H
#define DAEMON_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORWARDED_ADDR_SIZE 64

struct clock;
struct err;
struct forwarded;
struct x509_set;

/* All borrowed for good. */
struct forwarded_conf {
	const struct clock *clock;
	const char *target; /* what a preface must be meant for: "auth.<cluster>", a host's id */
	void *ctx;
	/* The host authorities, as they are now, of a cluster whose proxies are believed; else
	 * NULL.
	 */
	const struct x509_set *(*trust)(void *ctx, const char *cluster);
};

/* Whose connection it is, as the preface says. */
struct forwarded_client {
	char addr[FORWARDED_ADDR_SIZE]; /* "address:port"; "": nobody's yet */
	bool joins;                     /* they want to join a live session here */
};

struct forwarded *forwarded_new(const struct forwarded_conf *conf); /* NULL: no memory */
void forwarded_free(struct forwarded *f);

/*
 * Reads the preface at the start of `data`, which came from the address `from`: a network whose
 * prefaces are wrong too often is not listened to for a while. *out_used = 0: more bytes are
 * needed; else so many are its own and *out tells of the client. ERR_INVALID,
 * ERR_UNAUTHENTICATED, ERR_DENIED, ERR_LIMIT.
 */
int forwarded_take(struct forwarded *f, const uint8_t *data, size_t len, const char *from,
                   struct forwarded_client *out, size_t *out_used, struct err *err);

#endif

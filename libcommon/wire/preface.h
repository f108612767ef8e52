/*
 * preface - what stands in front of a connection that was forwarded: who the client is, signed
 * by the host key of the proxy that forwards it.
 *
 *   "POSTERN1" | u32 big-endian length | pv_Preface { payload, signature, certificates }
 *
 * The signature (ECDSA, SHA-256) is over the magic and the payload's bytes. The certificates are
 * the signer's X.509 leaf and what leads to its CA. A preface is good for one receiver, for one
 * short span of time, once. Whether the signer may forward at all (a Proxy) is for the caller to
 * see from the identity in its certificate.
 */
#ifndef WIRE_PREFACE_H
#define WIRE_PREFACE_H

#include "proto/dial.pb.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct key;
struct x509;
struct x509_set;

#define PREFACE_MAGIC      "POSTERN1"
#define PREFACE_MAGIC_SIZE 8
#define PREFACE_MAX        8192 /* bytes of the pv_Preface */
#define PREFACE_NONCE_SIZE 16
#define PREFACE_SKEW_MS    (5 * 60 * 1000) /* how far its time may be from ours */

/* Appends a signed preface; `chain` is the signer's certificate and those behind it. The payload's
 * nonce is filled in here. */
int preface_append(const pv_PrefacePayload *payload, const struct key *host_key,
                   const struct x509 *const *chain, size_t chain_len, struct buf *out,
                   struct err *err);

/*
 * Looks at the first bytes of a connection. *out_used = 0 with result 0: more bytes are needed.
 * Otherwise the message stands in out (preface_release()) and took *out_used bytes. ERR_INVALID:
 * not a preface, or too long.
 */
int preface_parse(const uint8_t *data, size_t len, pv_Preface *out, size_t *out_used,
                  struct err *err);
void preface_release(pv_Preface *p);

/* Nonces seen lately, so that a preface works once. Bounded: when it is full of fresh ones, the
 * oldest goes, and prefaces as old as that are refused from then on. */
struct preface_seen;

struct preface_seen *preface_seen_new(size_t max); /* NULL when memory runs out */
void preface_seen_free(struct preface_seen *s);

struct preface_check {
	const struct x509_set *trust; /* host CAs */
	const char *target;           /* what the payload must be meant for */
	int64_t now_ms;
	struct preface_seen *seen;
	/* Whether this signer may forward at all; asked before its nonce takes room. NULL: whoever
	 * the authority has certified. */
	int (*judge)(void *arg, const struct x509 *signer, struct err *err);
	void *judge_arg;
};

/*
 * Verifies all of it. On success out_payload (preface_payload_release()) may be believed as far
 * as *out_signer (x509_unref()) is. ERR_UNAUTHENTICATED with a sentence: chain, signature, time
 * ("its clock and ours differ by ..."), target, replay. What `judge` says.
 */
int preface_verify(const pv_Preface *p, const struct preface_check *check,
                   pv_PrefacePayload *out_payload, struct x509 **out_signer, struct err *err);
void preface_payload_release(pv_PrefacePayload *p);

#endif

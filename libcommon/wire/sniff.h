/*
 * sniff - which protocol begins here, from the first bytes of a connection.
 *
 * Feed it everything that has arrived so far until it answers something else than
 * SNIFF_MORE; no byte is consumed. A TLS ClientHello (RFC 5246 7.4.1.2; it may span
 * several records) is read for the server name (RFC 6066 3) and the ALPN list
 * (RFC 7301), which route a connection before anything is decrypted. What was read
 * is the client's claim and proves nothing.
 */
#ifndef WIRE_SNIFF_H
#define WIRE_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sniff_kind {
	SNIFF_MORE,    /* undecided; never at SNIFF_MAX bytes or more */
	SNIFF_SSH,     /* "SSH-" */
	SNIFF_TLS,     /* a whole ClientHello */
	SNIFF_HTTP2,   /* "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" */
	SNIFF_HTTP1,   /* an upper-case method and a space */
	SNIFF_PREFACE, /* "POSTERN1", our signed preface (docs/PROTOCOL.md) */
	SNIFF_UNKNOWN, /* none of them, or a broken ClientHello */
};

#define SNIFF_MAX       16384 /* a longer ClientHello is SNIFF_UNKNOWN */
#define SNIFF_NAME_SIZE 256
#define SNIFF_ALPN_MAX  8 /* further ALPN names are ignored */
#define SNIFF_ALPN_SIZE 32

struct sniff {
	enum sniff_kind kind;
	char server_name[SNIFF_NAME_SIZE];          /* lower case; "" = none */
	char alpn[SNIFF_ALPN_MAX][SNIFF_ALPN_SIZE]; /* longer names are left out */
	size_t alpn_count;
};

/* Fills *out (names only for SNIFF_TLS) and returns its kind. */
enum sniff_kind sniff(struct sniff *out, const void *data, size_t len);

/* Whether the ClientHello offers this ALPN name. */
bool sniff_offers(const struct sniff *s, const char *alpn);

#endif

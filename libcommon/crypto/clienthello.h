/*
 * clienthello - what the first bytes of a TLS connection ask for, without answering: the host name
 * (SNI, RFC 6066) and the protocols (ALPN, RFC 7301). For routing before, or instead of, TLS.
 */
#ifndef CRYPTO_CLIENTHELLO_H
#define CRYPTO_CLIENTHELLO_H

#include <stddef.h>
#include <stdint.h>

struct err;

#define CLIENTHELLO_MAX      16389 /* bytes of a first record: wait for no more */
#define CLIENTHELLO_NAME_MAX 255
#define CLIENTHELLO_ALPN_MAX 8

struct clienthello {
	char server_name[CLIENTHELLO_NAME_MAX + 1]; /* lower case; "" when it asks for none */
	char alpn[CLIENTHELLO_ALPN_MAX][32]; /* in the client's order; longer ones are left out */
	size_t alpn_count;
};

/*
 * Reads the hello at the start of `data`. ERR_UNAVAILABLE: fine so far, more bytes are needed;
 * ERR_INVALID: not a TLS client hello, or one that is broken, or spread over records.
 */
int clienthello_parse(const uint8_t *data, size_t len, struct clienthello *out, struct err *err);

#endif

/*
 * tls_records - record buffers that a connection has only while it is at work.
 *
 * mbedTLS gives every connection two of 17 KB for its whole life; of thousands that wait, that
 * would be most of their memory. Once the handshake is over, connections of one tls_conf borrow
 * them from each other: they are lent for a read or a write and taken back behind it, unless half a
 * record is in there. What then remains of mbedTLS' state in a buffer is the number of the next
 * record.
 */
#include "crypto/tls_inner.h"

#include <mbedtls/ssl_internal.h>

#include <stdlib.h>
#include <string.h>

_Static_assert(MBEDTLS_SSL_IN_BUFFER_LEN == MBEDTLS_SSL_OUT_BUFFER_LEN, "one kind of buffer");

#define COUNTER 8 /* bytes of a record's number, at the beginning of the input buffer */

void tls_spares_init(struct tls_spares *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

void tls_spares_deinit(struct tls_spares *s)
{
	while (s->count > 0)
		free(s->buffers[--s->count]);
	pthread_mutex_destroy(&s->lock);
}

static unsigned char *take(struct tls_spares *s, size_t size)
{
	unsigned char *buffer = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->count > 0)
		buffer = s->buffers[--s->count];
	pthread_mutex_unlock(&s->lock);
	return buffer != NULL ? buffer : calloc(1, size);
}

static void give_back(struct tls_spares *s, unsigned char *buffer)
{
	pthread_mutex_lock(&s->lock);
	if (s->count < TLS_SPARES) {
		s->buffers[s->count++] = buffer;
		buffer = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	free(buffer);
}

/* Moves mbedTLS' pointers into a buffer from one to another; NULL stands for "nowhere". */
static void move(unsigned char **const *pointers, size_t count, unsigned char **base,
                 unsigned char *to, ptrdiff_t *offsets)
{
	for (size_t i = 0; i < count; i++) {
		if (to == NULL)
			offsets[i] = *pointers[i] - *base;
		*pointers[i] = to != NULL ? to + offsets[i] : NULL;
	}
	*base = to;
}

static void move_in(struct tls *t, unsigned char *to)
{
	mbedtls_ssl_context *s = &t->ssl;
	unsigned char **const pointers[] = { &s->in_ctr, &s->in_hdr, &s->in_len, &s->in_iv,
		                             &s->in_msg };

	move(pointers, TLS_POINTERS, &s->in_buf, to, t->in_offsets);
}

static void move_out(struct tls *t, unsigned char *to)
{
	mbedtls_ssl_context *s = &t->ssl;
	unsigned char **const pointers[] = { &s->out_ctr, &s->out_hdr, &s->out_len, &s->out_iv,
		                             &s->out_msg };

	move(pointers, TLS_POINTERS, &s->out_buf, to, t->out_offsets);
}

int tls_records_lend(struct tls *t, struct err *err)
{
	struct tls_spares *spares = &t->conf->spares;
	unsigned char *buffer;

	if (t->ssl.in_buf == NULL) {
		buffer = take(spares, MBEDTLS_SSL_IN_BUFFER_LEN);
		if (buffer == NULL)
			return err_set_nomem(err);
		memcpy(buffer, t->in_counter, COUNTER);
		move_in(t, buffer);
	}
	if (t->ssl.out_buf == NULL) {
		buffer = take(spares, MBEDTLS_SSL_OUT_BUFFER_LEN);
		if (buffer == NULL)
			return err_set_nomem(err);
		move_out(t, buffer);
	}
	return 0;
}

/* Input is decrypted in place, so it is overwritten before somebody else gets the buffer. */
static void return_in(struct tls *t)
{
	unsigned char *buffer = t->ssl.in_buf;

	memcpy(t->in_counter, buffer, COUNTER);
	move_in(t, NULL);
	explicit_bzero(buffer, MBEDTLS_SSL_IN_BUFFER_LEN);
	give_back(&t->conf->spares, buffer);
}

void tls_records_return(struct tls *t)
{
	const mbedtls_ssl_context *s = &t->ssl;
	unsigned char *buffer = s->out_buf;

	if (s->in_buf != NULL && s->in_left == 0 && s->in_offt == NULL && s->in_hslen == 0)
		return_in(t);
	if (buffer != NULL && s->out_left == 0) {
		move_out(t, NULL);
		give_back(&t->conf->spares, buffer);
	}
}

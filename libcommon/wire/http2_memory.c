#include "wire/http2_inside.h"

#include <assert.h>
#include <stdlib.h>

/*
 * Every session has room for one frame of full size, 16 KB, for its whole life, of which a server
 * makes use only within http2_send(): the frame is put together there, and the caller has copied it
 * before anything else is sent. So all servers' sessions of a thread have the same room. Clients
 * have their own, for the first bytes that they will send lie there from the beginning. Longer
 * blocks of headers take more, one for each further frame; that is a session's own, too.
 */
#define FRAME_MIN 16384 /* nghttp2 asks for a few bytes more than that */
#define FRAME_MAX 16448

static _Thread_local unsigned char shared_frame[FRAME_MAX];

static void *on_malloc(size_t size, void *user)
{
	(void)user;
	return malloc(size);
}

static void *on_calloc(size_t count, size_t size, void *user)
{
	(void)user;
	return calloc(count, size);
}

static void on_free(void *at, void *user)
{
	const struct http2 *h = user;

	if (at != h->frame)
		free(at);
}

static bool may_share(const struct http2 *h)
{
	return h->kind == HTTP2_SERVER && h->being_made && h->frame == NULL;
}

/* nghttp2 makes its buffers by realloc(). */
static void *on_realloc(void *at, size_t size, void *user)
{
	struct http2 *h = user;

	assert(at == NULL || at != h->frame);
	if (!may_share(h) || at != NULL || size < FRAME_MIN || size > FRAME_MAX)
		return realloc(at, size);
	h->frame = shared_frame;
	return h->frame;
}

nghttp2_mem http2_memory(struct http2 *h)
{
	return (nghttp2_mem){ h, on_malloc, on_free, on_calloc, on_realloc };
}

#include "wire/http2.h"

#include "base/err.h"
#include "wire/http2_inside.h"

#include <stdlib.h>
#include <string.h>

#define QUEUED_MAX (16u * 1024 * 1024)

struct http2_stream *http2_stream_add(struct http2 *h, int32_t id, void *data)
{
	struct http2_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->session = h;
	s->id = id;
	s->data = data;
	fifo_init(&s->out);
	list_append(&h->streams, &s->link);
	list_init(&s->due_link);
	h->stream_count++;
	return s;
}

static void free_trailers(struct http2_stream *s)
{
	for (size_t i = 0; i < s->trailer_count; i++) {
		free(s->trailers[i].name);
		free(s->trailers[i].value);
	}
	free(s->trailers);
	s->trailers = NULL;
	s->trailer_count = 0;
}

void http2_stream_remove(struct http2_stream *s)
{
	list_remove(&s->link);
	list_remove(&s->due_link);
	s->session->stream_count--;
	fifo_wipe(&s->out);
	free_trailers(s);
	free(s);
}

static nghttp2_nv nv_of(const struct http2_header *header)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)header->name,
		             (uint8_t *)(uintptr_t)header->value, strlen(header->name),
		             strlen(header->value), NGHTTP2_NV_FLAG_NONE };
}

/* nghttp2 copies the text that these point to. Free the array; NULL when memory runs out. */
static nghttp2_nv *nv_array(const struct http2_header *headers, size_t count)
{
	nghttp2_nv *nva = calloc(count + 1, sizeof(*nva));

	for (size_t i = 0; nva != NULL && i < count; i++)
		nva[i] = nv_of(&headers[i]);
	return nva;
}

/* --- what nghttp2 sends --- */

size_t http2_queued(const struct http2_stream *s)
{
	return s->out.len;
}

/* Bytes have gone out: who stopped at a full queue may go on. */
static void note_room(struct http2_stream *s)
{
	struct http2 *h = s->session;

	if (s->full && http2_queued(s) <= h->limits.write_high / 2 && list_empty(&s->due_link))
		list_append(&h->due, &s->due_link);
}

static int finish_data(nghttp2_session *session, struct http2_stream *s, uint32_t *flags)
{
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->trailers == NULL)
		return 0;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	return nghttp2_submit_trailer(session, s->id, s->trailers, s->trailer_count);
}

static ssize_t read_data(nghttp2_session *session, int32_t id, uint8_t *dst, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct http2_stream *s = source->ptr;
	size_t len = fifo_take(&s->out, dst, size);

	(void)id;
	(void)user;
	if (len == 0 && !s->ended)
		return NGHTTP2_ERR_DEFERRED;
	note_room(s);
	if (s->ended && http2_queued(s) == 0 && finish_data(session, s, flags) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return (ssize_t)len;
}

/* --- calls --- */

static nghttp2_data_provider provider_of(struct http2_stream *s)
{
	return (nghttp2_data_provider){ .source = { .ptr = s }, .read_callback = read_data };
}

int http2_open(struct http2 *h, const struct http2_header *headers, size_t count, bool end,
               void *data, struct http2_stream **out_stream, struct err *err)
{
	struct http2_stream *s;
	nghttp2_data_provider provider;
	nghttp2_nv *nva;

	if (http2_no_new_streams(h))
		return err_set(err, ERR_UNAVAILABLE, "the connection takes no new streams");
	nva = nv_array(headers, count);
	s = nva != NULL ? http2_stream_add(h, 0, data) : NULL;
	if (s == NULL) {
		free(nva);
		return err_set_nomem(err);
	}
	provider = provider_of(s);
	s->ended = end;
	s->id = nghttp2_submit_request(h->session, NULL, nva, count, end ? NULL : &provider, s);
	free(nva);
	if (s->id < 0) {
		int rc = s->id;

		http2_stream_remove(s);
		return http2_fail(err, rc);
	}
	*out_stream = s;
	return 0;
}

static int check_open(const struct http2_stream *s, struct err *err)
{
	if (s->ended || s->reset || s->session->dying)
		return err_set(err, ERR_CANCELED, "the stream has ended");
	return 0;
}

int http2_respond(struct http2_stream *s, const struct http2_header *headers, size_t count,
                  bool end, struct err *err)
{
	nghttp2_data_provider provider = provider_of(s);
	nghttp2_nv *nva;
	int rc;

	if (check_open(s, err) != 0)
		return err->code;
	nva = nv_array(headers, count);
	if (nva == NULL)
		return err_set_nomem(err);
	rc = nghttp2_submit_response(s->session->session, s->id, nva, count,
	                             end ? NULL : &provider);
	free(nva);
	if (rc != 0)
		return http2_fail(err, rc);
	s->ended = s->hang_up = end;
	return 0;
}

/* More to send; an error only says that the stream was not waiting for it. */
static void resume(struct http2_stream *s)
{
	nghttp2_session_resume_data(s->session->session, s->id);
}

int http2_write(struct http2_stream *s, const void *data, size_t len, struct err *err)
{
	if (check_open(s, err) != 0)
		return err->code;
	if (len > QUEUED_MAX - http2_queued(s))
		return err_set(err, ERR_LIMIT, "the peer reads too slowly");
	if (fifo_append(&s->out, data, len, err) != 0)
		return err->code;
	if (!http2_writable(s))
		s->full = true;
	resume(s);
	return 0;
}

bool http2_writable(const struct http2_stream *s)
{
	return !s->ended && !s->reset && http2_queued(s) < s->session->limits.write_high;
}

int http2_end(struct http2_stream *s, struct err *err)
{
	if (check_open(s, err) != 0)
		return err->code;
	s->ended = true;
	resume(s);
	return 0;
}

static int copy_trailers(struct http2_stream *s, const struct http2_header *headers, size_t count)
{
	s->trailers = calloc(count + 1, sizeof(*s->trailers));
	if (s->trailers == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		nghttp2_nv *nv = &s->trailers[s->trailer_count++];

		*nv = nv_of(&headers[i]);
		nv->name = (uint8_t *)strdup(headers[i].name);
		nv->value = (uint8_t *)strdup(headers[i].value);
		if (nv->name == NULL || nv->value == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

int http2_end_with(struct http2_stream *s, const struct http2_header *trailers, size_t count,
                   struct err *err)
{
	if (check_open(s, err) != 0)
		return err->code;
	if (copy_trailers(s, trailers, count) != 0) {
		free_trailers(s);
		return err_set_nomem(err);
	}
	s->hang_up = s->session->kind == HTTP2_SERVER;
	return http2_end(s, err);
}

void http2_reset(struct http2_stream *s, uint32_t code)
{
	struct http2 *h = s->session;

	if (s->reset || h->dying)
		return;
	s->reset = true;
	s->reset_code = code;
	nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, code);
	if (nghttp2_session_find_stream(h->session, s->id) != NULL)
		return;
	/* Its request still waits to be sent, maybe for long, and will be dropped then. */
	nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
	s->unborn = true;
	list_remove(&s->due_link);
	list_append(&h->due, &s->due_link);
}

void http2_consume(struct http2_stream *s, size_t len)
{
	if (len > s->unconsumed)
		len = s->unconsumed;
	s->unconsumed -= len;
	if (len > 0 && !s->session->dying)
		nghttp2_session_consume(s->session->session, s->id, len);
}

bool http2_stream_ended(const struct http2_stream *s)
{
	return s->remote_ended;
}

struct http2 *http2_stream_session(const struct http2_stream *s)
{
	return s->session;
}

int32_t http2_stream_id(const struct http2_stream *s)
{
	return s->id;
}

void *http2_stream_data(const struct http2_stream *s)
{
	return s->data;
}

void http2_stream_set_data(struct http2_stream *s, void *data)
{
	s->data = data;
}

const char *http2_header(const struct http2_header *headers, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

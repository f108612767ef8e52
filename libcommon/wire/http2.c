#include "wire/http2.h"

#include "base/err.h"
#include "wire/http2_inside.h"

#include <stdlib.h>
#include <string.h>

#define DATA_MAX   16375 /* frame header and payload fill one TLS record */
#define ENTRY_SIZE 32    /* what a header costs besides its text, RFC 9113 6.5.2 */

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* --- receiving: nghttp2's callbacks --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2 *h = user;
	struct http2_stream *s;

	buf_clear(&h->block);
	h->block_count = 0;
	h->block_size = 0;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = http2_stream_add(h, frame->hd.stream_id, NULL);
	if (s == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

/* nghttp2 has checked that neither text holds a 0. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
	struct http2 *h = user;

	(void)session;
	(void)frame;
	(void)flags;
	h->block_size += name_len + value_len + ENTRY_SIZE;
	if (h->block_size > h->limits.header_list_max)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets this stream only */
	buf_append(&h->block, name, name_len);
	buf_append_byte(&h->block, 0);
	buf_append(&h->block, value, value_len);
	buf_append_byte(&h->block, 0);
	h->block_count++;
	return h->block.failed ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

static void cut_block(const struct http2 *h, struct http2_header *headers)
{
	const char *at = buf_str(&h->block);

	for (size_t i = 0; i < h->block_count; i++) {
		headers[i].name = at;
		headers[i].value = at + strlen(at) + 1;
		at = headers[i].value + strlen(headers[i].value) + 1;
	}
}

static int got_headers(struct http2 *h, struct http2_stream *s)
{
	struct http2_header *headers = calloc(h->block_count + 1, sizeof(*headers));
	const char *status;
	bool trailers;

	if (headers == NULL)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	cut_block(h, headers);
	status = http2_header(headers, h->block_count, ":status");
	trailers = h->block_count == 0 || *headers[0].name != ':';
	if (status == NULL || *status != '1') /* 1xx: the answer is still to come */
		h->events->headers(s, headers, h->block_count, trailers);
	free(headers);
	return 0;
}

static void got_goaway(struct http2 *h, uint32_t code)
{
	h->goaway_received = true;
	if (h->events->goaway != NULL)
		h->events->goaway(h, code);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2 *h = user;
	uint8_t type = frame->hd.type;
	struct http2_stream *s;

	if (type == NGHTTP2_GOAWAY)
		got_goaway(h, frame->goaway.error_code);
	if (type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
		h->pongs++;
	if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA)
		return 0;
	s = stream_of(session, frame->hd.stream_id);
	if (s == NULL || s->reset)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		s->remote_ended = true;
	if (type == NGHTTP2_HEADERS && got_headers(h, s) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (s->remote_ended && !s->reset)
		h->events->end(s);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user)
{
	struct http2 *h = user;
	struct http2_stream *s = stream_of(session, id);

	(void)flags;
	if (s == NULL || s->reset)
		return nghttp2_session_consume(session, id, len) == NGHTTP2_ERR_NOMEM
		               ? NGHTTP2_ERR_CALLBACK_FAILURE
		               : 0;
	s->unconsumed += len;
	h->events->data(s, data, len);
	return 0;
}

/* The stream's unconsumed bytes no longer count against the connection. */
static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct http2 *h = user;
	struct http2_stream *s = stream_of(session, id);

	if (s == NULL)
		return 0;
	nghttp2_session_consume_connection(session, s->unconsumed);
	nghttp2_session_set_stream_user_data(session, id, NULL);
	h->events->closed(s, code);
	http2_stream_remove(s);
	return 0;
}

/* --- sending: nghttp2's callbacks --- */

/* A response that was sent whole: the rest of the request is not wanted. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_stream *s;

	(void)user;
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	s = stream_of(session, frame->hd.stream_id);
	if (s != NULL && s->hang_up && !s->remote_ended)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

static ssize_t data_length(nghttp2_session *session, uint8_t type, int32_t id,
                           int32_t connection_window, int32_t stream_window, uint32_t frame_max,
                           void *user)
{
	ssize_t len = DATA_MAX;

	(void)session;
	(void)type;
	(void)id;
	(void)user;
	if (len > connection_window)
		len = connection_window;
	if (len > stream_window)
		len = stream_window;
	return len > (ssize_t)frame_max ? (ssize_t)frame_max : len;
}

/* --- the session --- */

static int make_session(struct http2 *h, nghttp2_session_callbacks *callbacks,
                        nghttp2_option *option)
{
	nghttp2_mem memory = http2_memory(h);
	int rc;

	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, data_length);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_stream_reset_rate_limit(option, h->limits.resets_max,
	                                           h->limits.resets_max);
	h->being_made = true;
	rc = h->kind == HTTP2_SERVER
	             ? nghttp2_session_server_new3(&h->session, callbacks, h, option, &memory)
	             : nghttp2_session_client_new3(&h->session, callbacks, h, option, &memory);
	h->being_made = false;
	return rc;
}

static int send_settings(struct http2 *h)
{
	nghttp2_settings_entry entries[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, h->limits.stream_window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h->limits.header_list_max },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->limits.streams_max },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	size_t count = sizeof(entries) / sizeof(entries[0]);

	if (h->kind == HTTP2_SERVER)
		count--; /* pushing is the client's to forbid */
	if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, count) != 0)
		return ERR_NOMEM;
	return nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
	                                             (int32_t)h->limits.connection_window);
}

static void set_limits(struct http2_limits *to, const struct http2_limits *from)
{
	static const struct http2_limits none;
	const struct http2_limits *l = from != NULL ? from : &none;

#define LIMIT(field, value) to->field = l->field != 0 ? l->field : (value)
	LIMIT(stream_window, 1024u * 1024);
	LIMIT(connection_window, 4u * 1024 * 1024);
	LIMIT(streams_max, 256);
	LIMIT(header_list_max, 16u * 1024);
	LIMIT(resets_max, 100);
	LIMIT(write_high, 64u * 1024);
#undef LIMIT
}

struct http2 *http2_new(enum http2_kind kind, const struct http2_limits *limits,
                        const struct http2_events *events, void *ctx)
{
	struct http2 *h = calloc(1, sizeof(*h));
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int rc = -1;

	if (h == NULL)
		return NULL;
	h->kind = kind;
	h->events = events;
	h->ctx = ctx;
	set_limits(&h->limits, limits);
	list_init(&h->streams);
	list_init(&h->due);
	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0)
		rc = make_session(h, callbacks, option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	if (rc != 0 || send_settings(h) != 0) {
		http2_free(h);
		return NULL;
	}
	return h;
}

void http2_free(struct http2 *h)
{
	if (h == NULL)
		return;
	h->dying = true;
	while (!list_empty(&h->streams)) {
		struct http2_stream *s = container_of(h->streams.next, struct http2_stream, link);

		nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
		h->events->closed(s, HTTP2_CANCEL);
		http2_stream_remove(s);
	}
	nghttp2_session_del(h->session);
	buf_wipe(&h->block);
	free(h);
}

void *http2_ctx(const struct http2 *h)
{
	return h->ctx;
}

int http2_fail(struct err *err, int rc)
{
	static const struct {
		int nghttp2;
		int code;
	} map[] = {
		{ NGHTTP2_ERR_NOMEM, ERR_NOMEM },
		{ NGHTTP2_ERR_FLOODED, ERR_LIMIT },
		{ NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE, ERR_UNAVAILABLE },
		{ NGHTTP2_ERR_SESSION_CLOSING, ERR_UNAVAILABLE },
		{ NGHTTP2_ERR_CALLBACK_FAILURE, ERR_NOMEM }, /* the only way ours fail */
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].nghttp2 == rc)
			return err_set(err, map[i].code, "HTTP/2: %s", nghttp2_strerror(rc));
	return err_set(err, ERR_INVALID, "HTTP/2: %s", nghttp2_strerror(rc));
}

int http2_recv(struct http2 *h, const void *data, size_t len, struct err *err)
{
	ssize_t used = nghttp2_session_mem_recv(h->session, data, len);

	return used < 0 ? http2_fail(err, (int)used) : 0;
}

static void tell(struct http2_stream *s)
{
	if (s->unborn) {
		s->session->events->closed(s, s->reset_code);
		http2_stream_remove(s);
		return;
	}
	s->full = false;
	if (!s->ended && !s->reset)
		s->session->events->writable(s);
}

/* Tells streams what is due; true when there were any. */
static bool tell_due(struct http2 *h)
{
	bool any = !list_empty(&h->due);

	while (!list_empty(&h->due)) {
		struct http2_stream *s = container_of(h->due.next, struct http2_stream, due_link);

		list_remove(&s->due_link);
		tell(s);
	}
	return any;
}

int http2_send(struct http2 *h, const uint8_t **out_data, size_t *out_len, struct err *err)
{
	ssize_t len;

	do {
		len = nghttp2_session_mem_send(h->session, out_data);
	} while (tell_due(h) && len == 0);
	if (len < 0)
		return http2_fail(err, (int)len);
	*out_len = (size_t)len;
	return 0;
}

bool http2_done(const struct http2 *h)
{
	return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

void http2_goaway(struct http2 *h, uint32_t code)
{
	if (code == HTTP2_NO_ERROR)
		nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
		                      nghttp2_session_get_last_proc_stream_id(h->session), code,
		                      NULL, 0);
	else
		nghttp2_session_terminate_session(h->session, code);
}

bool http2_no_new_streams(const struct http2 *h)
{
	return h->dying || h->goaway_received || !nghttp2_session_check_request_allowed(h->session);
}

int http2_ping(struct http2 *h, struct err *err)
{
	int rc = nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);

	return rc != 0 ? http2_fail(err, rc) : 0;
}

uint64_t http2_pongs(const struct http2 *h)
{
	return h->pongs;
}

uint32_t http2_streams_allowed(const struct http2 *h)
{
	return nghttp2_session_get_remote_settings(h->session,
	                                           NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

size_t http2_stream_count(const struct http2 *h)
{
	return h->stream_count;
}

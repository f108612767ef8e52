#include "tunnel/tunnel_inside.h"

#include "loop/stream.h"
#include "tunnel/news.h"

/* --- proxy ------------------------------------------------------------------------------------ */

static int open_stream(struct tunnel *t, struct err *err)
{
	const struct http2_header headers[] = { { ":method", "POST" },
		                                { ":scheme", "https" },
		                                { ":authority", "agent" },
		                                { ":path", "/discovery" } };

	return t->news != NULL ? 0 : http2_open(t->h2, headers, 4, false, NULL, &t->news, err);
}

/* One message is under way at a time, so that what waits can be replaced by what is newer. */
void news_send(struct tunnel *t)
{
	struct err err;

	if (t->news_out.len == 0 || t->conf.side != TUNNEL_PROXY)
		return;
	if (t->news != NULL && http2_queued(t->news) > 0)
		return;
	if (open_stream(t, &err) == 0)
		http2_write(t->news, t->news_out.data, t->news_out.len, &err);
	buf_deinit(&t->news_out);
}

int tunnel_tell(struct tunnel *t, const pv_TunnelNews *news, struct err *err)
{
	struct buf bytes = { 0 };
	int rc = news_append(news, &bytes, err);

	if (rc != 0 || t->draining) {
		buf_deinit(&bytes);
		return rc;
	}
	buf_deinit(&t->news_out);
	t->news_out = bytes;
	tunnel_soon(t);
	return 0;
}

/* --- agent ------------------------------------------------------------------------------------ */

void news_got_request(struct tunnel *t, struct http2_stream *s)
{
	const struct http2_header ok = { ":status", "200" };
	struct err ignored;

	t->news = s;
	buf_deinit(&t->news_in);
	http2_respond(s, &ok, 1, false, &ignored);
}

/* Tells one message that is complete. Returns the bytes it took; 0: there is none. */
static size_t tell_one(struct tunnel *t, struct err *err)
{
	pv_TunnelNews news = pv_TunnelNews_init_zero;
	size_t used = 0;

	if (news_parse(t->news_in.data, t->news_in.len, &news, &used, err) != 0 || used == 0)
		return 0;
	t->conf.events->news(t->conf.ctx, &news);
	news_release(&news);
	return used;
}

void news_got_data(struct tunnel *t, const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	size_t used = 1;

	buf_append(&t->news_in, data, len);
	while (used > 0 && buf_check(&t->news_in, &err) == 0 && t->state == TUNNEL_OPEN) {
		used = tell_one(t, &err);
		buf_consume(&t->news_in, used);
	}
	if (err.code != 0) {
		err_wrap(&err, "what the proxy tells");
		tunnel_close(t, &err);
	}
}

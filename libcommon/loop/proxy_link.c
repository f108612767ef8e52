#include "loop/proxy_link.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/tls.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "loop/work.h"

#include <stdlib.h>
#include <string.h>

struct proxy_link {
	proxy_link_cb cb;
	void *owner;
	struct tls *tls; /* until it is the stream's */
	struct work_pool *pool;
};

static void proxy_link_free(struct proxy_link *l)
{
	tls_free(l->tls);
	work_pool_free(l->pool);
	free(l);
}

static void finish(struct proxy_link *l, struct stream *take_stream, const struct err *err)
{
	proxy_link_cb cb = l->cb;
	void *owner = l->owner;

	proxy_link_free(l);
	cb(owner, take_stream, err);
}

static void on_secure(void *owner, struct stream *s)
{
	static const struct stream_handler nobody = { 0 };

	stream_attach(s, &nobody, NULL); /* until the callback attaches its own */
	finish(owner, s, NULL);
}

/* The end before the handshake was complete. */
static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct err closed = { 0 };

	(void)s;
	if (err == NULL) {
		err_set(&closed, ERR_UNAVAILABLE, "the proxy closed the connection");
		err = &closed;
	}
	finish(owner, NULL, err);
}

static const struct stream_handler securing = { .on_secure = on_secure, .on_close = on_close };

static void on_dialed(void *owner, struct stream *take_stream, const struct err *err)
{
	struct proxy_link *l = owner;
	struct tls *tls = l->tls;

	if (err != NULL) {
		finish(l, NULL, err);
		return;
	}
	l->tls = NULL;
	stream_attach(take_stream, &securing, l);
	stream_start_tls(take_stream, tls, l->pool, PROXY_LINK_MS);
}

char *proxy_link_host(const char *addr)
{
	const char *colon = strrchr(addr, ':');
	size_t len = colon != NULL ? (size_t)(colon - addr) : strlen(addr);

	if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']')
		return strndup(addr + 1, len - 2);
	return strndup(addr, len);
}

static int make_tls(struct proxy_link *l, const char *addr, const char *name, struct tls_conf *conf,
                    const struct buf *session, struct err *err)
{
	char *host = name != NULL ? strdup(name) : proxy_link_host(addr);
	int rc = host != NULL ? tls_new(conf, host, &l->tls, err) : err_set_nomem(err);

	free(host);
	if (rc == 0 && session != NULL && session->len > 0)
		tls_load_session(l->tls, session->data, session->len);
	return rc;
}

int proxy_link_start(uv_loop_t *loop, const char *addr, const char *name, struct tls_conf *conf,
                     const struct buf *session, proxy_link_cb cb, void *owner, struct err *err)
{
	struct proxy_link *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return err_set_nomem(err);
	l->cb = cb;
	l->owner = owner;
	l->pool = work_pool_new(loop, 1, 1);
	rc = l->pool != NULL ? make_tls(l, addr, name, conf, session, err) : err_set_nomem(err);
	if (rc == 0)
		rc = dial_start(loop, addr, PROXY_LINK_MS, on_dialed, l, NULL, err);
	if (rc != 0)
		proxy_link_free(l);
	return rc;
}

void proxy_link_session(struct stream *s, struct buf *out)
{
	struct tls *tls = stream_tls(s);
	struct err ignored = { 0 };

	if (tls != NULL && !tls_peer(tls)->resumed)
		tls_save_session(tls, out, &ignored);
}

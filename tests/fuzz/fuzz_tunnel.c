#include "tunnel/tunnel.h"

#include "base/err.h"
#include "loop/stream.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end of a tunnel and what it heard. */
struct end {
	struct tunnel *tunnel; /* NULL once closed */
	int dialled;
};

static size_t echo(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	(void)owner;
	stream_write(s, data, len);
	return len;
}

static const struct stream_handler echoes = { .on_data = echo };

/* Accepts, refuses, or answers nothing, by the service's first letter. */
static void *on_request(void *ctx, struct channel *c, const char *service)
{
	static const struct err no = { ERR_DENIED, "no" };
	struct end *e = ctx;
	struct stream *s;
	struct err err;

	if (service[0] % 3 == 0)
		channel_refuse(c, &no);
	else if (service[0] % 3 == 1 && channel_accept(c, &s, &err) == 0)
		stream_attach(s, &echoes, NULL);
	return e;
}

static void on_withdrawn(void *asked)
{
	(void)asked;
}

static void on_news(void *ctx, const pv_TunnelNews *news)
{
	(void)ctx;
	(void)news;
}

static void on_closed(void *ctx, const struct err *why)
{
	(void)why;
	((struct end *)ctx)->tunnel = NULL;
}

static void on_dialled(void *owner, struct stream *take_stream, const struct err *err)
{
	struct end *e = owner;

	assert((take_stream == NULL) == (err != NULL));
	e->dialled++;
	if (take_stream != NULL)
		stream_attach(take_stream, &echoes, NULL);
}

static const struct tunnel_events events = {
	.request = on_request, .withdrawn = on_withdrawn, .news = on_news, .closed = on_closed
};

static void turn(uv_loop_t *loop, int times)
{
	while (times-- > 0)
		uv_run(loop, UV_RUN_NOWAIT);
}

/* A proxy dials an agent that has spoken: its first frame is by the rules. */
static bool dial_ready(struct end *e, uv_loop_t *loop, int peer)
{
	static const uint8_t settings[9] = { 0, 0, 0, 4 };
	struct err err;

	assert(write(peer, settings, sizeof(settings)) == sizeof(settings));
	turn(loop, 3);
	return tunnel_dial(e->tunnel, "node", NULL, 60000, on_dialled, e, NULL, &err) == 0;
}

/* An agent (first byte even) or a proxy with a channel asked for (odd) hears the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end end = { 0 };
	struct tunnel_conf conf = { .channels_max = 4, .events = &events, .ctx = &end };
	struct stream *s = NULL;
	uv_loop_t loop;
	struct err err = { 0 };
	bool asked = false;
	int fds[2];

	if (size == 0 || size > 60000)
		return 0;
	signal(SIGPIPE, SIG_IGN);
	conf.side = data[0] % 2 == 0 ? TUNNEL_AGENT : TUNNEL_PROXY;
	assert(uv_loop_init(&loop) == 0);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	assert(stream_open_fd(&loop, fds[0], &s, &err) == 0);
	assert(tunnel_open(s, &conf, &end.tunnel, &err) == 0);
	if (conf.side == TUNNEL_PROXY)
		asked = dial_ready(&end, &loop, fds[1]);
	turn(&loop, 3);
	assert(write(fds[1], data + 1, size - 1) == (ssize_t)size - 1);
	turn(&loop, 6);
	if (end.tunnel != NULL) {
		err_set(&err, ERR_CANCELED, "enough");
		tunnel_close(end.tunnel, &err);
	}
	close(fds[1]);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert(end.tunnel == NULL && end.dialled == asked);
	assert(uv_loop_close(&loop) == 0);
	return 0;
}

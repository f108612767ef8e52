#include "loop/splice.h"
#include "loop/stream.h"
#include "loop/work.h"

#include "base/clock.h"
#include "crypto/tls.h"

#include "tests/unit/pki.h"
#include "tests/unit/streams.h"

#include <stdlib.h>

#define DEADLINE_MS 10000

/* A loop, a cluster of one certificate, and a pool for handshakes. */
struct world {
	uv_loop_t loop;
	struct clock_fake clock;
	struct pki pki;
	struct pki_leaf leaf;
	struct work_pool *pool;
	struct tls_conf *server;
	struct tls_conf *client;
};

static const char *const hosts[] = { "web.example.com" };

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct x509 *chain[1];
	struct tls_own own = { .chain = chain, .chain_len = 1 };
	struct tls_conf_spec spec = { .service = "test" };
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&w->loop);
	w->pool = work_pool_new(&w->loop, 2, 4);
	clock_fake_init(&w->clock, PKI_NOW);
	pki_init(&w->pki, "host CA");
	pki_issue(&w->pki,
	          (struct x509_spec){ .common_name = "web",
	                              .hosts = hosts,
	                              .host_count = 1,
	                              .usage = X509_SERVER | X509_CLIENT },
	          &w->leaf);
	chain[0] = w->leaf.cert;
	own.key = w->leaf.key;
	spec.clock = &w->clock.clock;
	spec.trust = w->pki.trust;
	spec.own = &own;
	spec.own_count = 1;
	spec.client_auth = TLS_AUTH_OPTIONAL;
	assert_int_equal(tls_conf_new(&spec, &w->server, &err), 0);
	spec.role = TLS_CLIENT;
	spec.client_auth = TLS_AUTH_NONE;
	assert_int_equal(tls_conf_new(&spec, &w->client, &err), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	int rc;

	work_pool_free(w->pool);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&w->loop);
	tls_conf_unref(w->server);
	tls_conf_unref(w->client);
	pki_leaf_deinit(&w->leaf);
	pki_deinit(&w->pki);
	free(w);
	return rc;
}

static void secure(struct world *w, struct stream *s, struct tls_conf *conf, const char *host)
{
	struct tls *tls;
	struct err err;

	assert_int_equal(tls_new(conf, host, &tls, &err), 0);
	stream_start_tls(s, tls, w->pool, DEADLINE_MS);
}

static void secure_server(struct world *w, struct stream *s)
{
	secure(w, s, w->server, NULL);
}

static void secure_client(struct world *w, struct stream *s)
{
	secure(w, s, w->client, hosts[0]);
}

/* Two ears, each at one end of a TLS connection that is being made. */
static void open_pair(struct world *w, struct ear *client, struct ear *server)
{
	struct stream *c, *s;

	stream_pair(&w->loop, &c, &s);
	ear_attach(client, c);
	ear_attach(server, s);
	secure_client(w, c);
	secure_server(w, s);
}

static void end_all(struct world *w, struct ear *a, struct ear *b)
{
	if (a->stream != NULL)
		stream_reset(a->stream, NULL);
	if (b->stream != NULL)
		stream_reset(b->stream, NULL);
	turn_until(&w->loop, a->closes == 1 && b->closes == 1);
	buf_deinit(&a->got);
	buf_deinit(&b->got);
}

static void plaintext_and_half_closes_go_through(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 }, s = { 0 };

	open_pair(w, &c, &s);
	stream_write(c.stream, "early", 5); /* waits for the handshake */
	stream_end(c.stream);
	turn_until(&w->loop, s.ends == 1);
	assert_int_equal(c.secures, 1);
	assert_int_equal(s.secures, 1);
	assert_string_equal(buf_str(&s.got), "early");
	assert_string_equal(tls_peer(stream_tls(s.stream))->cert->common_name, "web");
	stream_write(s.stream, "late", 4);
	turn_until(&w->loop, c.got.len == 4);
	assert_int_equal(c.ends, 0);
	stream_end(s.stream);
	turn_until(&w->loop, c.closes == 1 && s.closes == 1);
	assert_int_equal(c.ends, 1);
	assert_int_equal(c.err.code, 0);
	assert_int_equal(s.err.code, 0);
	end_all(w, &c, &s);
}

/* Looks at the first byte: TLS if it is a handshake record, and uses none of it. */
struct sniffer {
	struct ear ear;
	struct world *world;
	int looks;
};

static size_t sniff(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct sniffer *n = owner;

	(void)len;
	n->looks++;
	assert_int_equal(data[0], 22);
	secure_server(n->world, s);
	ear_attach(&n->ear, s);
	return 0;
}

static const struct stream_handler sniff_handler = { .on_data = sniff };

static void a_sniffer_may_look_at_the_client_hello_first(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 };
	struct sniffer n = { .world = w };
	struct stream *sc, *ss;

	stream_pair(&w->loop, &sc, &ss);
	stream_attach(ss, &sniff_handler, &n);
	ear_attach(&c, sc);
	secure_client(w, sc);
	stream_write(sc, "hello", 5);
	turn_until(&w->loop, n.ear.got.len == 5);
	assert_int_equal(n.looks, 1);
	end_all(w, &c, &n.ear);
}

/* A line of plaintext, then TLS: what a preface looks like. */
static size_t line_then_tls(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct sniffer *n = owner;
	const uint8_t *end = memchr(data, '\n', len);

	if (end == NULL)
		return 0;
	secure_server(n->world, s);
	ear_attach(&n->ear, s);
	return (size_t)(end - data) + 1;
}

static const struct stream_handler line_handler = { .on_data = line_then_tls };

static void tls_may_begin_behind_plaintext(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 };
	struct sniffer n = { .world = w };
	struct stream *sc, *ss;

	stream_pair(&w->loop, &sc, &ss);
	stream_attach(ss, &line_handler, &n);
	ear_attach(&c, sc);
	stream_write(sc, "POSTERN1\n", 9);
	secure_client(w, sc);
	stream_write(sc, "inside", 6);
	turn_until(&w->loop, n.ear.got.len == 6);
	assert_string_equal(buf_str(&n.ear.got), "inside");
	end_all(w, &c, &n.ear);
}

static void the_wrong_name_ends_both_sides_with_a_reason(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 }, s = { 0 };
	struct stream *sc, *ss;

	stream_pair(&w->loop, &sc, &ss);
	ear_attach(&c, sc);
	ear_attach(&s, ss);
	secure(w, sc, w->client, "other.example.com");
	secure_server(w, ss);
	stream_write(sc, "secret", 6);
	turn_until(&w->loop, c.closes == 1 && s.closes == 1);
	assert_int_equal(c.err.code, ERR_UNAUTHENTICATED);
	assert_non_null(strstr(c.err.msg, "TLS handshake with 'unix': "));
	assert_non_null(strstr(c.err.msg, "other.example.com"));
	assert_int_equal(s.err.code, ERR_DENIED); /* it got the alert */
	assert_int_equal(c.secures + s.secures, 0);
	assert_int_equal(s.got.len, 0);
	end_all(w, &c, &s);
}

static void who_speaks_no_tls_is_refused(void **state)
{
	struct world *w = *state;
	struct ear c = { .ends_too = true }, s = { 0 };
	struct stream *sc, *ss;

	stream_pair(&w->loop, &sc, &ss);
	ear_attach(&c, sc);
	ear_attach(&s, ss);
	secure_server(w, ss);
	stream_write(sc, "GET / HTTP/1.1\r\n\r\n", 18);
	turn_until(&w->loop, s.closes == 1);
	assert_int_equal(s.err.code, ERR_INVALID);
	end_all(w, &c, &s);
}

static void a_silent_peer_meets_the_deadline(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 }, s = { 0 };
	struct stream *sc, *ss;
	struct tls *tls;
	struct err err;

	stream_pair(&w->loop, &sc, &ss);
	ear_attach(&c, sc);
	ear_attach(&s, ss);
	assert_int_equal(tls_new(w->server, NULL, &tls, &err), 0);
	stream_start_tls(ss, tls, w->pool, 20);
	turn_until(&w->loop, s.closes == 1);
	assert_int_equal(s.err.code, ERR_TIMEOUT);
	assert_string_equal(s.err.msg, "TLS handshake with 'unix': not complete after 20 ms");
	end_all(w, &c, &s);
}

/* Work that holds a place in the pool until it is let go. */
static uv_sem_t let_go;

static void hold(struct work *w)
{
	(void)w;
	uv_sem_wait(&let_go);
}

static void held(struct work *w, bool canceled)
{
	(void)w;
	(void)canceled;
}

static void a_full_pool_refuses_more_handshakes(void **state)
{
	struct world *w = *state;
	struct work_pool *small = work_pool_new(&w->loop, 1, 1);
	struct work busy;
	struct ear c[3] = { 0 }, s[3] = { 0 };
	struct err err;
	struct tls *tls;
	int refused = 0;

	uv_sem_init(&let_go, 0);
	assert_int_equal(work_start(small, &busy, hold, held, &err), 0);
	for (int i = 0; i < 3; i++) {
		struct stream *sc, *ss;

		stream_pair(&w->loop, &sc, &ss);
		ear_attach(&c[i], sc);
		ear_attach(&s[i], ss);
		assert_int_equal(tls_new(w->server, NULL, &tls, &err), 0);
		stream_start_tls(ss, tls, small, DEADLINE_MS);
	}
	turn_until(&w->loop, s[0].closes + s[1].closes + s[2].closes == 2);
	for (int i = 0; i < 3; i++)
		refused += s[i].err.code == ERR_LIMIT;
	assert_int_equal(refused, 2);
	assert_int_equal(work_pool_waiting(small), 1);
	uv_sem_post(&let_go);
	for (int i = 0; i < 3; i++)
		end_all(w, &c[i], &s[i]);
	work_pool_free(small);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_sem_destroy(&let_go);
}

static void a_connection_cut_without_a_goodbye_is_a_failure(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 }, s = { 0 };

	open_pair(w, &c, &s);
	turn_until(&w->loop, c.secures == 1 && s.secures == 1);
	stream_reset(c.stream, NULL);
	turn_until(&w->loop, s.closes == 1);
	assert_int_equal(s.err.code, ERR_IO);
	assert_int_equal(s.ends, 0);
	end_all(w, &c, &s);
}

static void close_says_goodbye(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 }, s = { .ends_too = true };

	open_pair(w, &c, &s);
	turn_until(&w->loop, c.secures == 1 && s.secures == 1);
	stream_write(c.stream, "bye", 3);
	stream_close(c.stream);
	turn_until(&w->loop, s.closes == 1 && c.closes == 1);
	assert_string_equal(buf_str(&s.got), "bye");
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.err.code, 0);
	assert_int_equal(c.err.code, 0);
	end_all(w, &c, &s);
}

static void a_slow_reader_holds_the_writer(void **state)
{
	struct world *w = *state;
	struct ear c = { 0 }, s = { 0 };
	static char block[65536];
	size_t sent = 0;

	open_pair(w, &c, &s);
	turn_until(&w->loop, c.secures == 1 && s.secures == 1);
	stream_pause(s.stream);
	while (!stream_full(c.stream)) {
		stream_write(c.stream, block, sizeof(block));
		sent += sizeof(block);
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_in_range(sent, STREAM_HIGH_WATER, 4 * STREAM_HIGH_WATER);
	for (int i = 0; i < 100; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(s.got.len, 0);
	assert_int_equal(c.drains, 0);
	stream_resume(s.stream);
	turn_until(&w->loop, c.drains == 1 && s.got.len == sent);
	end_all(w, &c, &s);
}

struct joined {
	struct splice_count count;
	int calls;
	struct err err;
};

static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	struct joined *j = owner;

	j->count = *count;
	j->calls++;
	if (err != NULL)
		err_copy(&j->err, err);
}

/* left (client) <-TLS-> a | splice | b <-TLS-> right (server), joined before any handshake. */
static void two_tls_streams_can_be_spliced(void **state)
{
	struct world *w = *state;
	struct ear left = { 0 }, right = { 0 };
	struct stream *l, *a, *b, *r;
	struct joined j = { 0 };
	size_t len = 5 * 1024 * 1024;
	struct buf big = { 0 };

	stream_pair(&w->loop, &l, &a);
	stream_pair(&w->loop, &b, &r);
	ear_attach(&left, l);
	ear_attach(&right, r);
	secure_client(w, l);
	secure_server(w, a);
	secure_client(w, b);
	secure_server(w, r);
	assert_non_null(splice_start(a, b, on_spliced, &j));
	for (size_t i = 0; i < len; i++)
		buf_append_byte(&big, (uint8_t)(i * 7));
	stream_write(l, big.data, len);
	stream_end(l);
	turn_until(&w->loop, right.ends == 1);
	assert_int_equal(right.got.len, len);
	assert_memory_equal(right.got.data, big.data, len);
	stream_write(r, "thanks", 6);
	stream_end(r);
	turn_until(&w->loop, j.calls == 1 && left.closes == 1 && right.closes == 1);
	assert_string_equal(buf_str(&left.got), "thanks");
	assert_int_equal(j.err.code, 0);
	assert_int_equal(j.count.a_to_b, len);
	assert_int_equal(j.count.b_to_a, 6);
	buf_deinit(&big);
	end_all(w, &left, &right);
}

static void it_can_be_ended_at_every_turn_of_the_loop(void **state)
{
	struct world *w = *state;

	for (int turn = 0; turn < 60; turn++) {
		struct ear c = { 0 }, s = { 0 };

		open_pair(w, &c, &s);
		stream_write(c.stream, "x", 1);
		for (int i = 0; i < turn / 2; i++) {
			while (work_pool_running(w->pool) > 0 && i % 2 == 1)
				uv_run(&w->loop, UV_RUN_NOWAIT); /* steps end at any time */
			uv_run(&w->loop, UV_RUN_NOWAIT);
		}
		if (s.stream != NULL && turn % 2 == 0)
			stream_reset(s.stream, NULL);
		else if (s.stream != NULL)
			stream_close(s.stream);
		for (int i = 0; i < 3; i++)
			uv_run(&w->loop, UV_RUN_NOWAIT);
		end_all(w, &c, &s);
	}
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(plaintext_and_half_closes_go_through),
		world_test(a_sniffer_may_look_at_the_client_hello_first),
		world_test(tls_may_begin_behind_plaintext),
		world_test(the_wrong_name_ends_both_sides_with_a_reason),
		world_test(who_speaks_no_tls_is_refused),
		world_test(a_silent_peer_meets_the_deadline),
		world_test(a_full_pool_refuses_more_handshakes),
		world_test(a_connection_cut_without_a_goodbye_is_a_failure),
		world_test(close_says_goodbye),
		world_test(a_slow_reader_holds_the_writer),
		world_test(two_tls_streams_can_be_spliced),
		world_test(it_can_be_ended_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}

#include "rpc/client.h"
#include "rpc/server.h"

#include "base/clock.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "loop/work.h"

#include "tests/unit/echo.h"
#include "tests/unit/pki.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* A cluster of the real time of day: other programs check its certificates too. */
struct world {
	struct echo echo;
	struct key *ca_key;
	struct x509 *ca;
	struct x509_set *trust;
	struct pki_leaf server;
	struct pki_leaf alice;
	struct ticket_keys *tickets;
	struct tls_conf *server_conf;
	struct tls_conf *client_conf;
	struct buf session; /* the last that the client was given */
	int resumed;        /* connections that were */
	char name[64];      /* of the certificate of the last connection */
	unsigned retire_ms; /* of clients */
};

static void issue(struct world *w, const char *name, unsigned usage, struct pki_leaf *out)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1" };
	int64_t now = clock_wall_ms(clock_system());
	struct x509_spec spec = { .common_name = name,
		                  .hosts = hosts,
		                  .host_count = usage == X509_SERVER ? 2 : 0,
		                  .not_before_ms = now - PKI_HOUR,
		                  .not_after_ms = now + PKI_HOUR,
		                  .usage = usage };
	struct err err;

	assert_int_equal(key_generate(&out->key, &err), 0);
	spec.subject_key = key_public(out->key);
	if (x509_issue(&spec, w->ca, w->ca_key, &out->cert, &err) != 0)
		fail_msg("%s", err.msg);
}

static void make_ca(struct world *w)
{
	int64_t now = clock_wall_ms(clock_system());
	struct err err;

	assert_int_equal(key_generate(&w->ca_key, &err), 0);
	assert_int_equal(x509_issue_ca("test host CA", "test", w->ca_key, now - PKI_HOUR,
	                               now + 10 * PKI_HOUR, &w->ca, &err),
	                 0);
	assert_int_equal(x509_set_new(&w->trust, &err), 0);
	assert_int_equal(x509_set_add(w->trust, w->ca, &err), 0);
}

static struct tls_conf *make_conf(struct world *w, enum tls_role role, const struct pki_leaf *own)
{
	static const char *const server_alpn[] = { "h2", "http/1.1", NULL };
	static const char *const client_alpn[] = { "h2", NULL };
	const struct x509 *chain[] = { own->cert, w->ca };
	struct tls_own with = { chain, 2, own->key };
	struct tls_conf_spec spec = {
		.role = role,
		.service = "echo",
		.clock = clock_system(),
		.own = &with,
		.own_count = own->cert != NULL ? 1 : 0,
		.trust = w->trust,
		.client_auth = role == TLS_SERVER ? TLS_AUTH_OPTIONAL : TLS_AUTH_NONE,
		.alpn = role == TLS_SERVER ? server_alpn : client_alpn,
		.tickets = role == TLS_SERVER ? w->tickets : NULL,
	};
	struct tls_conf *conf;
	struct err err;

	if (tls_conf_new(&spec, &conf, &err) != 0)
		fail_msg("%s", err.msg);
	return conf;
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct world *w = owner;
	struct tls *tls;
	struct err err;

	assert_int_equal(tls_new(w->server_conf, NULL, &tls, &err), 0);
	stream_start_tls(take_stream, tls, w->echo.pool, 5000);
	rpc_server_attach(w->echo.server, take_stream, NULL, &err);
}

static int opened(struct rpc_conn *conn, struct err *err)
{
	struct world *w = container_of(rpc_server_ctx(rpc_conn_server(conn)), struct world, echo);
	const struct tls_peer *peer = rpc_conn_tls_peer(conn);

	strcpy(w->name, "");
	if (peer != NULL) {
		snprintf(w->name, sizeof(w->name), "%s", peer->cert->common_name);
		w->resumed += peer->resumed;
	}
	return echo_opened(conn, err);
}

static const struct listen_handler listener = { .on_accept = on_accept };

static void world_start(struct world *w, uv_loop_t *loop)
{
	struct rpc_server_conf conf;
	struct echo *e = &w->echo;
	struct err err;

	e->loop = loop;
	make_ca(w);
	issue(w, "server", X509_SERVER, &w->server);
	issue(w, "alice", X509_CLIENT, &w->alice);
	assert_int_equal(ticket_keys_new(clock_system(), PKI_HOUR, &w->tickets, &err), 0);
	w->server_conf = make_conf(w, TLS_SERVER, &w->server);
	w->client_conf = make_conf(w, TLS_CLIENT, &w->alice);
	e->pool = work_pool_new(loop, 2, 100);
	conf = echo_conf(e);
	conf.opened = opened;
	e->server = rpc_server_new(&conf, &err);
	e->listen = listen_new(loop, &(struct listen_limits){ 0 }, &listener, w);
	assert_int_equal(listen_add(e->listen, "127.0.0.1:0", &err), 0);
	snprintf(e->addr, sizeof(e->addr), "127.0.0.1:%u", listen_port(e->listen));
}

static void world_stop(struct world *w)
{
	echo_stop(&w->echo);
	work_pool_free(w->echo.pool);
	tls_conf_unref(w->client_conf);
	tls_conf_unref(w->server_conf);
	ticket_keys_unref(w->tickets);
	pki_leaf_deinit(&w->alice);
	pki_leaf_deinit(&w->server);
	x509_set_unref(w->trust);
	x509_unref(w->ca);
	key_unref(w->ca_key);
	buf_wipe(&w->session);
}

static void on_session(void *ctx, const uint8_t *session, size_t len)
{
	struct world *w = ctx;

	buf_clear(&w->session);
	buf_append(&w->session, session, len);
}

static struct rpc_client *client_with(struct world *w, struct tls_conf *tls, const char *name)
{
	const char *const addrs[] = { w->echo.addr, NULL };
	struct rpc_client_conf conf = { .loop = w->echo.loop,
		                        .service = &echo_service,
		                        .addrs = addrs,
		                        .tls = tls,
		                        .server_name = name,
		                        .retire_ms = w->retire_ms,
		                        .ctx = w,
		                        .session = w->session.data,
		                        .session_len = w->session.len,
		                        .on_session = on_session };
	struct err err;
	struct rpc_client *c = rpc_client_new(&conf, &err);

	assert_non_null(c);
	return c;
}

static void the_server_knows_who_calls_and_sessions_resume(void **state)
{
	struct world w = { 0 };

	world_start(&w, *state);
	for (int i = 0; i < 3; i++) {
		struct rpc_client *c = client_with(&w, w.client_conf, NULL);
		struct err err;

		if (echo_say_wait(c, ECHO_SAY, "hello", &err) != 0)
			fail_msg("%s", err.msg);
		assert_int_equal(w.echo.peer, RPC_PEER_TLS);
		assert_string_equal(w.name, "alice");
		assert_int_equal(w.resumed, i);
		echo_client_close(&w.echo, c);
	}
	world_stop(&w);
}

static void without_a_certificate_it_is_nobody(void **state)
{
	struct world w = { 0 };
	static const struct pki_leaf nobody;
	struct tls_conf *tls;
	struct rpc_client *c;
	char big[70000];
	pv_KillSessionRequest request = { big };
	struct err err;

	world_start(&w, *state);
	tls = make_conf(&w, TLS_CLIENT, &nobody);
	c = client_with(&w, tls, "localhost");
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "hello", &err), 0);
	assert_int_equal(w.echo.peer, RPC_PEER_ANONYMOUS);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	assert_int_equal(rpc_unary_wait(c, ECHO_SAY, &request, 0, NULL, &err), ERR_LIMIT);
	echo_client_close(&w.echo, c);
	tls_conf_unref(tls);
	world_stop(&w);
}

static void a_server_of_another_name_is_refused(void **state)
{
	struct world w = { 0 };
	struct rpc_client *c;
	struct err err;

	world_start(&w, *state);
	c = client_with(&w, w.client_conf, "other.example.com");
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "hello", &err), ERR_UNAUTHENTICATED);
	assert_memory_equal(err.msg, "connect to '127.0.0.1:", 22);
	assert_int_equal(w.echo.done, 0);
	echo_client_close(&w.echo, c);
	world_stop(&w);
}

static void renewed_certificates_are_used_from_the_next_call_on(void **state)
{
	struct world w = { 0 };
	struct pki_leaf bob;
	struct tls_conf *tls;
	struct rpc_client *c;
	struct err err;

	world_start(&w, *state);
	issue(&w, "bob", X509_CLIENT, &bob);
	tls = make_conf(&w, TLS_CLIENT, &bob);
	c = client_with(&w, w.client_conf, NULL);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "a", &err), 0);
	assert_string_equal(w.name, "alice");
	assert_int_equal(rpc_client_set_tls(c, tls, &err), 0);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "b", &err), 0);
	assert_string_equal(w.name, "bob");
	assert_int_equal(w.resumed, 0);
	echo_client_close(&w.echo, c);
	tls_conf_unref(tls);
	pki_leaf_deinit(&bob);
	world_stop(&w);
}

static void on_retired(struct rpc_stream *s, const struct err *err)
{
	struct err *out = rpc_stream_data(s);

	err_copy(out, err);
}

/* A watch does not stay for ever on a connection of a certificate that was renewed. */
static void a_long_call_leaves_the_connection_of_the_old_certificate(void **state)
{
	static const struct rpc_stream_events events = { .closed = on_retired };
	struct world w = { 0 };
	struct rpc_stream *stream;
	struct pki_leaf bob;
	struct tls_conf *tls;
	struct rpc_client *c;
	struct err ended = { 0 };
	struct err err;

	world_start(&w, *state);
	issue(&w, "bob", X509_CLIENT, &bob);
	tls = make_conf(&w, TLS_CLIENT, &bob);
	w.retire_ms = 30;
	c = client_with(&w, w.client_conf, NULL);
	assert_int_equal(rpc_stream_start(c, ECHO_TALK, NULL, 0, &events, &ended, &stream, &err),
	                 0);
	turn_until(w.echo.loop, rpc_client_ready(c));
	rpc_client_set_next_tls(c, tls);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "a", &err), 0);
	assert_string_equal(w.name, "alice"); /* only the next connection is bob's */
	assert_int_equal(rpc_client_set_tls(c, tls, &err), 0);
	assert_int_equal(echo_say_wait(c, ECHO_SAY, "b", &err), 0);
	assert_string_equal(w.name, "bob");
	turn_until(w.echo.loop, ended.code != 0);
	assert_int_equal(ended.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(ended.msg, "goes on over a new connection"));
	echo_client_close(&w.echo, c);
	tls_conf_unref(tls);
	pki_leaf_deinit(&bob);
	world_stop(&w);
}

/* --- other people's clients --------------------------------------------------------------------
 */

static void save(const char *dir, const char *name, const struct buf *content)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(content->data, 1, content->len, f), content->len);
	fclose(f);
}

static void save_certificates(const struct world *w, const char *dir)
{
	struct buf b = { 0 };
	struct err err;

	x509_append_pem(w->ca, &b);
	save(dir, "ca.pem", &b);
	buf_clear(&b);
	x509_append_pem(w->alice.cert, &b);
	save(dir, "alice.pem", &b);
	buf_clear(&b);
	assert_int_equal(key_append_pem(w->alice.key, &b, &err), 0);
	save(dir, "alice.key", &b);
	buf_wipe(&b);
}

/* Runs a client beside the loop that serves it; it must end well. */
static void run_client(struct world *w, const char *const argv[])
{
	pid_t pid;
	int status = -1;
	uint64_t give_up = uv_hrtime() + 60 * (uint64_t)1000000000;

	assert_int_equal(
	        posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ),
	        0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (uv_hrtime() > give_up) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		uv_run(w->echo.loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(status, 0);
}

static void python_and_curl_are_served(void **state)
{
	struct world w = { 0 };
	char dir[] = "/tmp/postern-rpc-XXXXXX";
	const char *const argv[] = { "/usr/bin/python3", "tests/unit/rpc_client.py", w.echo.addr,
		                     dir, NULL };
	const char *const cleanup[] = { "rm", "-rf", dir, NULL };

	assert_non_null(mkdtemp(dir));
	world_start(&w, *state);
	save_certificates(&w, dir);
	run_client(&w, argv);
	assert_string_equal(w.name, "alice");
	run_client(&w, cleanup);
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(the_server_knows_who_calls_and_sessions_resume),
		loop_test(without_a_certificate_it_is_nobody),
		loop_test(a_server_of_another_name_is_refused),
		loop_test(renewed_certificates_are_used_from_the_next_call_on),
		loop_test(a_long_call_leaves_the_connection_of_the_old_certificate),
		loop_test(python_and_curl_are_served),
	};

	return unit_run(tests);
}

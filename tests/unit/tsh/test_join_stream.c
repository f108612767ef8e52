#include "tsh/join_stream.h"

#include "loop/splice.h"

#include "tests/unit/tsh/fake_user.h"

#include <sys/socket.h>
#include <unistd.h>

#define SID     "0f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"
#define NODE_ID "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"

/* The node behind the proxy: TLS of its own, then SessionJoin, an answer, and one frame. */
struct fake_node {
	struct pki_leaf leaf;
	struct tls_conf *conf;
	const char *refuse;
	int joins;
	char user[64]; /* of the certificate that it saw */
	char mode[16];
};

struct fixture {
	struct fake_user user;
	struct fake_node node;
	struct profile profile;
	struct stream *stream;
	bool called;
	struct err err;
	char output[16]; /* of the first JoinFrame */
};

static struct fixture *fixture; /* the fake node's hooks have no place for it */

/* --- the node ----------------------------------------------------------------------------------
 */

static void send_output(struct stream *s, const char *text)
{
	pv_JoinFrame frame = { .which_of = pv_JoinFrame_output_tag };
	struct buf bytes = { 0 };
	struct err err = { 0 };

	fields_set_bytes(&frame.of.output, text, strlen(text), &err);
	assert_int_equal(framing_append(&pv_JoinFrame_table, &frame, 65536, &bytes, &err), 0);
	stream_write(s, bytes.data, bytes.len);
	fields_release(&pv_JoinFrame_table, &frame);
	buf_deinit(&bytes);
}

static size_t node_on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct fake_node *n = owner;
	pv_SessionJoin join = { 0 };
	pv_DialResponse answer = { 0 };
	struct buf bytes = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	assert_int_equal(
	        framing_decode(&pv_SessionJoin_table, data, len, 65536, &join, &used, &err), 0);
	if (used == 0)
		return 0;
	n->joins++;
	assert_string_equal(join.session_id, SID);
	str_copy(n->mode, sizeof(n->mode), join.mode);
	str_copy(n->user, sizeof(n->user), tls_peer(stream_tls(s))->cert->common_name);
	if (n->refuse != NULL) {
		answer.code = 7;
		answer.message = (char *)(uintptr_t)n->refuse;
	}
	assert_int_equal(framing_append(&pv_DialResponse_table, &answer, 65536, &bytes, &err), 0);
	stream_write(s, bytes.data, bytes.len);
	if (n->refuse == NULL)
		send_output(s, "$ ");
	stream_close(s);
	buf_deinit(&bytes);
	fields_release(&pv_SessionJoin_table, &join);
	return used;
}

static const struct stream_handler node_handler = { .on_data = node_on_data };

static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	(void)owner;
	(void)count;
	(void)err;
}

/* A proxied stream reaches the node: TLS begins within it. */
static void node_serve(struct fake_proxy *p, struct stream *take_stream)
{
	struct fake_node *n = &fixture->node;
	struct stream *near = NULL, *inner = NULL;
	struct tls *tls = NULL;
	struct err err = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(stream_open_fd(p->loop, pair[0], &near, &err), 0);
	assert_int_equal(stream_open_fd(p->loop, pair[1], &inner, &err), 0);
	assert_non_null(splice_start(near, take_stream, on_spliced, NULL));
	assert_int_equal(tls_new(n->conf, NULL, &tls, &err), 0);
	stream_attach(inner, &node_handler, n);
	stream_start_tls(inner, tls, p->pool, 5000);
}

/* `id`: what its certificate says it is. */
static void node_open(struct fixture *f, const char *id)
{
	const char *const hosts[] = { id };
	const struct x509 *chain[2];
	struct tls_own own;
	struct tls_conf_spec spec;
	struct err err = { 0 };

	pki_issue(&f->user.proxy.pki,
	          (struct x509_spec){ .common_name = id,
	                              .hosts = hosts,
	                              .host_count = 1,
	                              .usage = X509_SERVER | X509_CLIENT },
	          &f->node.leaf);
	chain[0] = f->node.leaf.cert;
	chain[1] = f->user.proxy.pki.ca;
	own = (struct tls_own){ .chain = chain, .chain_len = 2, .key = f->node.leaf.key };
	spec = (struct tls_conf_spec){ .role = TLS_SERVER,
		                       .service = "noded",
		                       .clock = &f->user.proxy.clock.clock,
		                       .own = &own,
		                       .own_count = 1,
		                       .trust = f->user.proxy.pki.trust,
		                       .client_auth = TLS_AUTH_REQUIRED };
	assert_int_equal(tls_conf_new(&spec, &f->node.conf, &err), 0);
	f->user.proxy.join = node_serve;
}

/* --- the user ----------------------------------------------------------------------------------
 */

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	assert_non_null(f);
	fake_user_open(&f->user);
	fake_user_log_in(&f->user);
	assert_int_equal(profile_open(&f->profile, f->user.tsh.home, NULL, &err), 0);
	fixture = f;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_user_close(&f->user);
	tls_conf_unref(f->node.conf);
	pki_leaf_deinit(&f->node.leaf);
	profile_deinit(&f->profile);
	free(f);
	return 0;
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct fixture *f = owner;
	pv_JoinFrame frame = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	assert_int_equal(framing_decode(&pv_JoinFrame_table, data, len, 65536, &frame, &used, &err),
	                 0);
	if (used == 0)
		return 0;
	assert_int_equal(frame.which_of, pv_JoinFrame_output_tag);
	memcpy(f->output, frame.of.output->bytes, frame.of.output->size);
	fields_release(&pv_JoinFrame_table, &frame);
	stream_close(s);
	return used;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	(void)s;
	(void)err;
	((struct fixture *)owner)->stream = NULL;
}

static const struct stream_handler handler = { .on_data = on_data, .on_close = on_close };

static void on_joined(void *owner, struct stream *take_stream, const struct err *err)
{
	struct fixture *f = owner;

	assert_false(f->called);
	f->called = true;
	if (err != NULL) {
		f->err = *err;
		return;
	}
	f->stream = take_stream;
	stream_attach(take_stream, &handler, f);
}

static void join(struct fixture *f)
{
	struct join_request request = {
		.session_id = SID, .node_id = NODE_ID, .mode = "peer", .columns = 80, .rows = 24
	};
	struct err err = { 0 };

	assert_int_equal(join_stream_start(&f->user.tsh.loop, &f->profile, f->user.tsh.clock,
	                                   &request, on_joined, f, &err),
	                 0);
	while (!f->called || f->stream != NULL)
		uv_run(&f->user.tsh.loop, UV_RUN_ONCE);
}

static void the_node_itself_sees_who_joins_and_answers_with_frames(void **state)
{
	struct fixture *f = *state;

	node_open(f, NODE_ID);
	join(f);
	assert_int_equal(f->err.code, 0);
	assert_string_equal(f->output, "$ ");
	assert_string_equal(f->node.user, "alice");
	assert_string_equal(f->node.mode, "peer");
	assert_string_equal(f->user.proxy.last_target, NODE_ID);
}

static void a_refusal_comes_in_the_nodes_words(void **state)
{
	struct fixture *f = *state;

	node_open(f, NODE_ID);
	f->node.refuse = "not yours to join";
	join(f);
	assert_int_equal(f->err.code, ERR_DENIED);
	assert_string_equal(f->err.msg, "not yours to join");
}

static void another_node_is_not_taken_for_the_sessions(void **state)
{
	struct fixture *f = *state;

	node_open(f, "00000000-0000-4000-8000-000000000000");
	join(f);
	assert_int_equal(f->err.code, ERR_UNAUTHENTICATED);
	assert_int_equal(f->node.joins, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_node_itself_sees_who_joins_and_answers_with_frames),
		TEST(a_refusal_comes_in_the_nodes_words),
		TEST(another_node_is_not_taken_for_the_sessions),
	};

	return unit_run(tests);
}

#include "tsh/node_dial.h"

#include "loop/proxy_link.h"

#include "tests/unit/tsh/fake_user.h"

struct fixture {
	struct fake_user user;
	struct profile profile;
	/* of the dial under test */
	struct stream *stream;
	bool called;
	struct err err;
	struct buf got;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	assert_non_null(f);
	fake_user_open(&f->user);
	fake_user_log_in(&f->user);
	assert_int_equal(profile_open(&f->profile, f->user.tsh.home, NULL, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_user_close(&f->user);
	buf_deinit(&f->got);
	profile_deinit(&f->profile);
	free(f);
	return 0;
}

static size_t on_data(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct fixture *f = owner;

	buf_append(&f->got, data, len);
	stream_end(s);
	return len;
}

static void on_close(void *owner, struct stream *s, const struct err *err)
{
	struct fixture *f = owner;

	(void)s;
	(void)err;
	f->stream = NULL;
}

static const struct stream_handler handler = { .on_data = on_data, .on_close = on_close };

static void on_dialed(void *owner, struct stream *take_stream, const pv_DialResponse *answer,
                      const struct err *err)
{
	struct fixture *f = owner;

	assert_non_null(answer);
	assert_false(f->called);
	f->called = true;
	if (err != NULL) {
		assert_null(take_stream);
		f->err = *err;
		return;
	}
	f->stream = take_stream;
	stream_attach(take_stream, &handler, f);
	stream_write(take_stream, "hello", 5);
}

/* One dial, until its stream is gone. */
static void dial(struct fixture *f, const char *target)
{
	pv_DialRequest request = { .target = (char *)(uintptr_t)target,
		                   .login = (char *)"root",
		                   .cluster = (char *)"example" };
	struct err err = { 0 };

	f->called = false;
	f->err = (struct err){ 0 };
	buf_clear(&f->got);
	assert_int_equal(node_dial_start(&f->user.tsh.loop, &f->profile, f->user.tsh.clock,
	                                 &request, on_dialed, f, &err),
	                 0);
	assert_false(f->called); /* never from within */
	while (!f->called || f->stream != NULL)
		uv_run(&f->user.tsh.loop, UV_RUN_ONCE);
}

static void a_granted_dial_gives_a_stream_to_the_node(void **state)
{
	struct fixture *f = *state;

	dial(f, "web-1");
	assert_string_equal(buf_str(&f->got), "hello");
	assert_string_equal(f->user.proxy.last_target, "web-1");
	assert_string_equal(f->user.proxy.last_login, "root");
}

static void the_second_dial_resumes_the_tls_session(void **state)
{
	struct fixture *f = *state;

	dial(f, "web-1");
	assert_int_equal(f->user.proxy.resumed, 0);
	dial(f, "web-1");
	assert_string_equal(buf_str(&f->got), "hello");
	assert_int_equal(f->user.proxy.dials, 2);
	assert_int_equal(f->user.proxy.resumed, 1);
}

static void a_kept_session_that_is_rubbish_costs_a_handshake_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	assert_int_equal(profile_write(&f->profile, PROFILE_SESSION, "rubbish", 7, &err), 0);
	dial(f, "web-1");
	assert_string_equal(buf_str(&f->got), "hello");
	assert_int_equal(f->user.proxy.resumed, 0);
}

static void a_refusal_comes_in_the_proxys_words(void **state)
{
	struct fixture *f = *state;

	f->user.proxy.refuse_dial = "no node 'web-9' here";
	dial(f, "web-9");
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	assert_string_equal(f->err.msg, "no node 'web-9' here");
}

static void the_proxy_must_prove_itself_at_every_dial(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	struct buf pem = { 0 };
	struct pki other;

	pki_init(&other, "another cluster");
	x509_append_pem(other.ca, &pem);
	assert_int_equal(profile_write(&f->profile, PROFILE_CAS, pem.data, pem.len, &err), 0);
	dial(f, "web-1");
	buf_deinit(&pem);
	pki_deinit(&other);
	assert_int_equal(f->err.code, ERR_UNTRUSTED);
	assert_int_equal(f->user.proxy.dials, 0);
}

static void the_host_of_an_address_has_no_brackets(void **state)
{
	static const struct {
		const char *addr, *host;
	} cases[] = { { "a.example:3080", "a.example" }, { "[2001:db8::1]:443", "2001:db8::1" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *host = proxy_link_host(cases[i].addr);

		assert_string_equal(host, cases[i].host);
		free(host);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_granted_dial_gives_a_stream_to_the_node),
		TEST(the_second_dial_resumes_the_tls_session),
		TEST(a_kept_session_that_is_rubbish_costs_a_handshake_and_nothing_else),
		TEST(a_refusal_comes_in_the_proxys_words),
		TEST(the_proxy_must_prove_itself_at_every_dial),
		TEST(the_host_of_an_address_has_no_brackets),
	};

	return unit_run(tests);
}

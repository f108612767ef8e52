#include "noded/join.h"

#include "crypto/tls.h"
#include "loop/listen.h"
#include "loop/work.h"
#include "wire/framing.h"

#include "proto/dial.fields.h"

#include "tests/unit/noded/node_world.h"

#define SID         "0f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"
#define MESSAGE_MAX 65536

/* Somebody's client: TLS with a certificate, and what the node says. */
struct guest {
	struct ear ear;
	struct pki_leaf leaf;
	struct tls_conf *conf;
};

struct fixture {
	struct node_world w;
	struct guest guest;
	struct listen *listen; /* where the session's supervisor is */
	struct ear supervisor;
	int connects;
};

static void on_accept(void *owner, struct stream *take_stream)
{
	struct fixture *f = owner;

	f->connects++;
	f->supervisor.ends_too = true;
	ear_attach(&f->supervisor, take_stream);
}

static void add_session(struct fixture *f, bool tty)
{
	struct session *s = calloc(1, sizeof(*s));
	struct err err = { 0 };

	assert_non_null(s);
	strcpy(s->sid, SID);
	strcpy(s->conn, "2f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d");
	world_check(fields_set_str(&s->identity.user, "owner", &err), &err);
	world_check(fields_set_str(&s->identity.cluster, CLUSTER, &err), &err);
	world_check(fields_add_str(&s->identity.roles, &s->identity.roles_count, "dev", &err),
	            &err);
	s->login = strdup("root");
	s->client = strdup("192.0.2.1:1");
	s->kind = strdup(tty ? "shell" : "exec");
	s->command = strdup("");
	s->tty = tty;
	world_check(session_add(&f->w.n, s, &err), &err);
}

static int set_up(void **state)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct listen_limits limits = { 0 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	char addr[160];

	assert_non_null(f);
	world_init(&f->w, "labels: {env: prod}\n");
	world_role(&f->w, "dev", "{allow: {logins: [root], node_labels: {env: prod}}}");
	world_role(&f->w, "www", "{allow: {logins: [www], node_labels: {env: prod}}}");
	world_lock_user(&f->w, "mallory");
	world_start(&f->w);
	f->w.n.handshakes = work_pool_new(&f->w.loop, 2, 10);
	world_check(join_port_open(&f->w.n, &f->w.n.joins, &err), &err);
	f->listen = listen_new(&f->w.loop, &limits, &handler, f);
	snprintf(addr, sizeof(addr), "unix:%s/run/sessions/" SID ".sock", f->w.dir);
	world_check(listen_add(f->listen, addr, &err), &err);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	join_port_close(f->w.n.joins);
	listen_free(f->listen);
	turn_until(&f->w.loop, f->guest.ear.stream == NULL && f->supervisor.stream == NULL);
	work_pool_free(f->w.n.handshakes);
	world_close(&f->w);
	tls_conf_unref(f->guest.conf);
	pki_leaf_deinit(&f->guest.leaf);
	buf_deinit(&f->guest.ear.got);
	buf_deinit(&f->supervisor.got);
	free(f);
	return 0;
}

/* --- the guest ------------------------------------------------------------------------------- */

static void certify(struct fixture *f, const struct pki *ca, const pv_Identity *id)
{
	char *common_name = identity_common_name(id);
	struct buf bytes = { 0 };
	struct err err = { 0 };

	assert_non_null(common_name);
	world_check(identity_encode(id, &bytes, &err), &err);
	pki_issue(ca,
	          (struct x509_spec){ .common_name = common_name,
	                              .identity = bytes.data,
	                              .identity_len = bytes.len },
	          &f->guest.leaf);
	buf_deinit(&bytes);
	free(common_name);
}

/* Dials the node with the certificate, or without. */
static void dial(struct fixture *f)
{
	const struct x509 *const chain[] = { f->guest.leaf.cert };
	const struct tls_own own = { chain, 1, f->guest.leaf.key };
	const struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.service = "tsh",
		.clock = f->w.n.clock,
		.own = &own,
		.own_count = f->guest.leaf.cert != NULL ? 1 : 0,
		.trust = f->w.host_ca.trust,
	};
	struct stream *near, *far;
	struct tls *tls;
	struct err err = { 0 };

	world_check(tls_conf_new(&spec, &f->guest.conf, &err), &err);
	world_check(tls_new(f->guest.conf, NODE_ID, &tls, &err), &err);
	stream_pair(&f->w.loop, &near, &far);
	f->guest.ear.ends_too = true;
	ear_attach(&f->guest.ear, near);
	stream_start_tls(near, tls, f->w.n.handshakes, 5000);
	join_serve(f->w.n.joins, far, "192.0.2.7:51234");
}

static void ask(struct fixture *f, const char *sid, const char *mode)
{
	const pv_SessionJoin wish = { .session_id = (char *)(uintptr_t)sid,
		                      .mode = (char *)(uintptr_t)mode,
		                      .columns = 100,
		                      .rows = 30 };
	struct buf bytes = { 0 };
	struct err err = { 0 };

	world_check(framing_append(&pv_SessionJoin_table, &wish, MESSAGE_MAX, &bytes, &err), &err);
	stream_write_buf(f->guest.ear.stream, &bytes);
	buf_deinit(&bytes);
}

/* The node's answer: 0, or a gRPC code and its reason. */
static int answer(struct fixture *f, char *reason, size_t size)
{
	pv_DialResponse response;
	struct err err = { 0 };
	size_t used = 0;
	int code;

	turn_until(&f->w.loop, f->guest.ear.stream == NULL || f->guest.ear.got.len > 4);
	if (f->guest.ear.got.len == 0)
		return -1;
	world_check(framing_decode(&pv_DialResponse_table, f->guest.ear.got.data,
	                           f->guest.ear.got.len, MESSAGE_MAX, &response, &used, &err),
	            &err);
	assert_true(used > 0);
	buf_consume(&f->guest.ear.got, used);
	code = response.code;
	str_copy(reason, size, response.message != NULL ? response.message : "");
	fields_release(&pv_DialResponse_table, &response);
	return code;
}

static void dial_as(struct fixture *f, const char *user, const char *role)
{
	char *roles[] = { (char *)(uintptr_t)role };
	pv_Identity id = world_person(user, roles, 1);

	certify(f, &f->w.user_ca, &id);
	dial(f);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void who_may_log_in_may_join(void **state)
{
	struct fixture *f = *state;
	char reason[256];
	pv_JoinStart start;
	struct err err = { 0 };
	size_t used = 0;

	add_session(f, true);
	dial_as(f, "alice", "dev");
	ask(f, SID, "peer");
	assert_int_equal(answer(f, reason, sizeof(reason)), 0);
	turn_until(&f->w.loop, f->supervisor.got.len > 4);
	world_check(framing_decode(&pv_JoinStart_table, f->supervisor.got.data,
	                           f->supervisor.got.len, MESSAGE_MAX, &start, &used, &err),
	            &err);
	assert_int_equal(used, f->supervisor.got.len);
	assert_string_equal(start.user, "alice");
	assert_string_equal(start.mode, "peer");
	assert_int_equal(start.columns, 100);
	assert_int_equal(start.rows, 30);
	fields_release(&pv_JoinStart_table, &start);
	buf_clear(&f->supervisor.got);

	/* it is on record, also for a noded that starts anew */
	for (int i = 0; i < 2; i++) {
		const struct session *s = session_find(&f->w.n, SID);

		assert_int_equal(s->participants.count, 2);
		assert_string_equal(s->participants.items[0], "owner");
		assert_string_equal(s->participants.items[1], "alice");
		sessions_close(f->w.n.sessions);
		world_check(sessions_open(&f->w.n, &f->w.n.sessions, &err), &err);
	}

	/* from then on bytes pass both ways, untouched */
	stream_write(f->guest.ear.stream, "keys", 4);
	turn_until(&f->w.loop, f->supervisor.got.len == 4);
	assert_memory_equal(f->supervisor.got.data, "keys", 4);
	stream_write(f->supervisor.stream, "screen", 6);
	turn_until(&f->w.loop, f->guest.ear.got.len == 6);
	assert_memory_equal(f->guest.ear.got.data, "screen", 6);

	stream_close(f->supervisor.stream); /* the session is over */
	turn_until(&f->w.loop, f->guest.ear.stream == NULL);
	assert_int_equal(f->guest.ear.err.code, 0);
}

static void others_hear_why_not(void **state)
{
	static const struct {
		const char *user, *role, *sid, *mode;
		bool tty;
		const char *says;
	} cases[] = {
		{ "alice", "www", SID, "observer", true, "root" },
		{ "alice", "nothing", SID, "observer", true, "nothing" },
		{ "mallory", "dev", SID, "observer", true, "under investigation" },
		{ "alice", "dev", SID, "owner", true, "mode" },
		{ "alice", "dev", SID, "", true, "mode" },
		{ "alice", "dev", "1f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d", "peer", true,
		  "no live session" },
		{ "alice", "dev", "../../authd", "peer", true, "no live session" },
		{ "alice", "dev", "", "peer", true, "no live session" },
		{ "alice", "dev", SID, "peer", false, "no terminal" },
	};

	tear_down(state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[256];
		struct fixture *f;

		set_up(state);
		f = *state;
		add_session(f, cases[i].tty);
		dial_as(f, cases[i].user, cases[i].role);
		ask(f, cases[i].sid, cases[i].mode);
		if (answer(f, reason, sizeof(reason)) <= 0 || strstr(reason, cases[i].says) == NULL)
			fail_msg("case %zu: '%s'", i, reason);
		turn_until(&f->w.loop, f->guest.ear.stream == NULL);
		assert_int_equal(f->connects, 0);
		tear_down(state);
	}
	set_up(state);
}

static void without_a_certificate_nothing_is_said(void **state)
{
	struct fixture *f = *state;

	add_session(f, true);
	dial(f);
	turn_until(&f->w.loop, f->guest.ear.stream == NULL);
	assert_int_equal(f->guest.ear.got.len, 0);
	assert_int_equal(f->connects, 0);
}

static void a_certificate_of_a_stranger_ends_the_handshake(void **state)
{
	static char *roles[] = { (char *)"dev" };
	struct fixture *f = *state;
	pv_Identity id = world_person("alice", roles, 1);
	struct pki stranger;

	add_session(f, true);
	pki_init(&stranger, "user CA");
	certify(f, &stranger, &id);
	dial(f);
	turn_until(&f->w.loop, f->guest.ear.stream == NULL);
	assert_int_equal(f->connects, 0);
	pki_deinit(&stranger);
}

static void a_host_is_nobody_who_joins(void **state)
{
	struct fixture *f = *state;
	pv_Identity id = { .system_role = (char *)"Proxy",
		           .host_id = (char *)NODE_ID,
		           .cluster = (char *)CLUSTER };
	char reason[256];

	add_session(f, true);
	certify(f, &f->w.host_ca, &id);
	dial(f);
	assert_int_equal(answer(f, reason, sizeof(reason)), 16);
	assert_string_equal(reason, "not a person's certificate");
}

static void a_person_whom_the_host_authority_certified_is_nobody(void **state)
{
	static char *roles[] = { (char *)"dev" };
	struct fixture *f = *state;
	pv_Identity id = world_person("alice", roles, 1);
	char reason[256];

	add_session(f, true);
	certify(f, &f->w.host_ca, &id);
	dial(f);
	assert_int_equal(answer(f, reason, sizeof(reason)), 16);
	assert_string_equal(reason, "the certificate of 'alice' has the wrong issuer");
	assert_int_equal(f->connects, 0);
}

static void a_request_that_is_none_is_refused(void **state)
{
	struct fixture *f = *state;
	char reason[256];

	add_session(f, true);
	dial_as(f, "alice", "dev");
	stream_write(f->guest.ear.stream, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_true(answer(f, reason, sizeof(reason)) > 0);
	assert_int_equal(f->connects, 0);
}

static void a_session_whose_supervisor_is_gone_cannot_be_reached(void **state)
{
	struct fixture *f = *state;
	char reason[256];

	listen_free(f->listen);
	f->listen = NULL;
	add_session(f, true);
	dial_as(f, "alice", "dev");
	ask(f, SID, "observer");
	assert_int_equal(answer(f, reason, sizeof(reason)), 14);
	assert_non_null(strstr(reason, "cannot be reached"));
}

/* Nobody is let go on in the dark: the node has lost what it knew of roles. */
static void a_join_ends_when_it_is_no_longer_allowed(void **state)
{
	struct fixture *f;
	char reason[256];

	tear_down(state);
	set_up(state);
	f = *state;
	add_session(f, true);
	dial_as(f, "alice", "dev");
	ask(f, SID, "observer");
	assert_int_equal(answer(f, reason, sizeof(reason)), 0);
	join_recheck(f->w.n.joins);
	stream_write(f->guest.ear.stream, "still", 5);
	turn_until(&f->w.loop, f->supervisor.got.len > 5);

	/* what was known of roles is gone: nobody may do anything */
	cache_free(f->w.n.cache);
	const struct cache_conf empty = { .loop = &f->w.loop,
		                          .client = host_client(f->w.n.host),
		                          .kinds = (const char *const[]){ "role", NULL } };
	struct err err = { 0 };
	world_check(cache_new(&empty, &f->w.n.cache, &err), &err);
	join_recheck(f->w.n.joins);
	join_recheck(f->w.n.joins); /* once more does no harm */
	turn_until(&f->w.loop, f->guest.ear.stream == NULL && f->supervisor.stream == NULL);
}

static void it_can_be_closed_at_any_moment(void **state)
{
	for (int turns = 0; turns < 40; turns++) {
		struct fixture *f;

		tear_down(state);
		set_up(state);
		f = *state;
		add_session(f, true);
		dial_as(f, "alice", "dev");
		ask(f, SID, "observer");
		for (int i = 0; i < turns; i++)
			uv_run(&f->w.loop, UV_RUN_NOWAIT);
	}
}

#define in_world(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_world(who_may_log_in_may_join),
		in_world(others_hear_why_not),
		in_world(without_a_certificate_nothing_is_said),
		in_world(a_certificate_of_a_stranger_ends_the_handshake),
		in_world(a_host_is_nobody_who_joins),
		in_world(a_person_whom_the_host_authority_certified_is_nobody),
		in_world(a_request_that_is_none_is_refused),
		in_world(a_session_whose_supervisor_is_gone_cannot_be_reached),
		in_world(a_join_ends_when_it_is_no_longer_allowed),
		in_world(it_can_be_closed_at_any_moment),
	};

	return unit_run(tests);
}

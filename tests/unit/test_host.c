#include "daemon/host.h"

#include "base/clock.h"
#include "base/str.h"
#include "loop/listen.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "rpc/server.h"

#include "tests/unit/member.h"
#include "tests/unit/streams.h"

#include <stdio.h>

/* The certificate lives for three hours, so that it is renewed after two. */
#define BORN  PKI_NOW
#define DUE   (PKI_NOW + 2 * PKI_HOUR)
#define DEATH (PKI_NOW + 3 * PKI_HOUR)

/* A member, and an authd that renews. */
struct world {
	uv_loop_t *loop;
	struct clock_fake clock;
	char dir[64];
	char state_dir[96];
	char sock[96];
	char addr[112];
	struct pki hosts;
	struct pki users;
	struct pubkey *key; /* of the host's certificate */
	struct rpc_server *server;
	struct listen *listen;
	bool stopped;

	int renewals;
	bool hold;           /* do not answer */
	struct err fail;     /* answer with this */
	int64_t server_time; /* in the answer */
	char hostname[64];   /* of the last request */

	struct host *host;
	int changes;
	int failures;
	struct err failure;
};

/* --- authd ------------------------------------------------------------------------------------ */

static void on_renew(struct rpc_call *call)
{
	struct world *w = rpc_call_server_ctx(call);
	const pv_RenewHostRequest *request = rpc_call_request(call);
	pv_JoinResponse answer;

	w->renewals++;
	str_copy(w->hostname, sizeof(w->hostname), request->hostname);
	if (w->hold)
		return;
	if (w->fail.code != 0) {
		rpc_call_fail(call, &w->fail);
		return;
	}
	member_answer(&answer, &w->hosts, &w->users, w->key, w->clock.wall,
	              w->clock.wall + 3 * PKI_HOUR);
	answer.time = w->server_time;
	rpc_call_reply(call, &answer);
	fields_release(&pv_JoinResponse_table, &answer);
}

static int allow(struct rpc_call *call, const struct rpc_method *m, struct err *err)
{
	(void)call;
	(void)m;
	(void)err;
	return 0;
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct world *w = owner;
	struct err err = { 0 };

	member_check(rpc_server_attach(w->server, take_stream, NULL, &err), &err);
}

static void authd_comes(struct world *w)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct listen_limits limits = { 0 };
	static const struct rpc_method methods[] = { { .call = AUTH_RENEW_HOST,
		                                       .handle = on_renew } };
	const struct rpc_server_conf conf = { .loop = w->loop,
		                              .main = { &pv_Auth_service, methods, 1 },
		                              .ctx = w,
		                              .authorize = allow };
	struct err err = { 0 };

	w->server = rpc_server_new(&conf, &err);
	assert_non_null(w->server);
	w->listen = listen_new(w->loop, &limits, &handler, w);
	member_check(listen_add(w->listen, w->addr, &err), &err);
}

static void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

static void authd_goes(struct world *w)
{
	listen_free(w->listen);
	rpc_server_stop(w->server, 0, on_stopped);
	turn_until(w->loop, w->stopped);
}

/* --- the host ----------------------------------------------------------------------------------
 */

static void on_change(void *ctx, const struct err *err)
{
	struct world *w = ctx;

	if (err == NULL) {
		w->changes++;
	} else {
		w->failures++;
		err_copy(&w->failure, err);
	}
}

static void become_a_member(struct world *w)
{
	pv_JoinResponse answer;
	struct credentials c;
	struct buf pem = { 0 };
	struct err err = { 0 };

	member_check(credentials_open(&c, w->state_dir, &err), &err);
	pubkey_append_pem(key_public(c.tls_key), &pem);
	member_check(pubkey_load(buf_str(&pem), pem.len, &w->key, &err), &err);
	member_answer(&answer, &w->hosts, &w->users, w->key, BORN, DEATH);
	member_check(credentials_store(&c, &answer, &err), &err);
	fields_release(&pv_JoinResponse_table, &answer);
	credentials_deinit(&c);
	buf_deinit(&pem);
}

static struct world *begin(uv_loop_t *loop, int64_t now)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->loop = loop;
	strcpy(w->dir, "/tmp/test_host.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->state_dir, sizeof(w->state_dir), "%s/state", w->dir);
	snprintf(w->sock, sizeof(w->sock), "%s/sock", w->dir);
	snprintf(w->addr, sizeof(w->addr), "unix:%s", w->sock);
	clock_fake_init(&w->clock, now);
	pki_init(&w->hosts, "host CA");
	pki_init(&w->users, "user CA");
	become_a_member(w);
	authd_comes(w);
	return w;
}

static void start(struct world *w)
{
	const char *const addrs[] = { w->addr, NULL };
	const struct host_conf conf = { .loop = w->loop,
		                        .clock = &w->clock.clock,
		                        .dir = w->state_dir,
		                        .system_role = "Node",
		                        .hostname = "web-1",
		                        .auth_addrs = addrs,
		                        .ctx = w,
		                        .on_change = on_change };
	struct err err = { 0 };

	member_check(host_open(&conf, &w->host, &err), &err);
	assert_true(host_is_member(w->host));
	member_check(host_start(w->host, &err), &err);
}

static void end(struct world *w)
{
	static const char *const files[] = { "state/tls.key",
		                             "state/ssh_host_key",
		                             "state/ssh_host_key-cert.pub",
		                             "state/credentials",
		                             "state",
		                             "sock" };
	char path[128];

	host_close(w->host);
	authd_goes(w);
	uv_run(w->loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		remove(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	pubkey_unref(w->key);
	pki_deinit(&w->hosts);
	pki_deinit(&w->users);
	free(w);
}

static void turn(struct world *w, int turns)
{
	while (turns-- > 0)
		uv_run(w->loop, UV_RUN_NOWAIT);
}

static void certificates_are_renewed_when_two_thirds_of_their_life_are_gone(void **state)
{
	struct world *w = begin(*state, DUE);

	w->server_time = DUE - 5000;
	start(w);
	turn_until(w->loop, w->changes == 1);
	assert_int_equal(w->renewals, 1);
	assert_string_equal(w->hostname, "web-1");
	assert_int_equal(host_credentials(w->host)->not_after_ms, DUE + 3 * PKI_HOUR);
	assert_int_equal(host_clock_skew(w->host), 5000);
	assert_int_equal(host_credentials(w->host)->chain_len, 2);
	turn(w, 50);
	assert_int_equal(w->renewals, 1);
	end(w);
}

static void a_young_certificate_is_left_alone(void **state)
{
	struct world *w = begin(*state, DUE - 60000);

	start(w);
	turn(w, 50);
	assert_int_equal(w->renewals + w->changes + w->failures, 0);
	end(w);
}

static void a_failed_renewal_is_told_and_the_old_certificate_stays(void **state)
{
	struct world *w = begin(*state, DUE);

	err_set(&w->fail, ERR_UNAVAILABLE, "the disk is full");
	start(w);
	turn_until(w->loop, w->failures == 1);
	assert_string_equal(w->failure.msg, "renew certificates: the disk is full");
	assert_int_equal(host_credentials(w->host)->not_after_ms, DEATH);
	turn(w, 50);
	assert_int_equal(w->renewals, 1); /* not at once again */
	assert_int_equal(w->changes, 0);
	end(w);
}

static void an_answer_for_another_key_is_a_failed_renewal(void **state)
{
	struct world *w = begin(*state, DUE);

	pubkey_unref(w->key);
	w->key = pubkey_ref(key_public(w->users.key));
	start(w);
	turn_until(w->loop, w->failures == 1);
	assert_non_null(strstr(w->failure.msg, "another key"));
	assert_int_equal(host_credentials(w->host)->not_after_ms, DEATH);
	end(w);
}

static void a_change_of_an_authority_is_told_once(void **state)
{
	struct world *w = begin(*state, BORN);
	struct pki fresh;
	pv_CertAuthority users;
	struct err err = { 0 };

	start(w);
	pki_init(&fresh, "new user CA");
	member_authority(&users, "user", "new-key", &fresh);
	for (int i = 0; i < 3; i++)
		member_check(host_take_authority(w->host, &users, &err), &err);
	assert_int_equal(w->changes, 1);
	fields_release(&pv_CertAuthority_table, &users);
	pki_deinit(&fresh);
	end(w);
}

static void it_can_be_closed_at_every_turn_of_a_renewal(void **state)
{
	for (int turns = 0; turns < 15; turns++) {
		struct world *w = begin(*state, DUE);

		start(w);
		turn(w, turns);
		end(w);
	}
}

static void it_can_be_closed_while_authd_thinks(void **state)
{
	struct world *w = begin(*state, DUE);

	w->hold = true;
	start(w);
	turn_until(w->loop, w->renewals == 1);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(certificates_are_renewed_when_two_thirds_of_their_life_are_gone),
		loop_test(a_young_certificate_is_left_alone),
		loop_test(a_failed_renewal_is_told_and_the_old_certificate_stays),
		loop_test(an_answer_for_another_key_is_a_failed_renewal),
		loop_test(a_change_of_an_authority_is_told_once),
		loop_test(it_can_be_closed_at_every_turn_of_a_renewal),
		loop_test(it_can_be_closed_while_authd_thinks),
	};

	return unit_run(tests);
}

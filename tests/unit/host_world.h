/*
 * host_world - a member of a cluster and an authd that renews, over a unix socket, for tests of
 * daemon/host.h.
 */
#ifndef TESTS_UNIT_HOST_WORLD_H
#define TESTS_UNIT_HOST_WORLD_H

#include "base/clock.h"
#include "base/str.h"
#include "daemon/host.h"
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
	struct pki next;    /* the hosts' authority after a rotation */
	struct pubkey *key; /* of the host's certificate */
	struct rpc_server *server;
	struct listen *listen;
	bool stopped;

	int renewals;
	bool hold;                         /* do not answer */
	struct err fail;                   /* answer with this */
	int64_t server_time;               /* in the answer */
	char hostname[64];                 /* of the last request */
	const pv_CertAuthority *authority; /* of hosts, in a rotation; NULL: as at the start */
	const struct pki *signs, *shows;   /* its keys then */
	int64_t poll_ms;
	int lists; /* how often the authorities were asked for */

	struct host *host;
	int changes;
	int failures;
	struct err failure;
};

/* --- authd ------------------------------------------------------------------------------------ */

/* What a rotation makes of the answer: perhaps two certificates. */
static inline void rotated_answer(struct world *w, pv_JoinResponse *out)
{
	int64_t end = w->clock.wall + 3 * PKI_HOUR;
	pv_JoinResponse shown;
	struct err err = { 0 };

	member_answer(out, w->signs, &w->users, w->key, w->clock.wall, end);
	fields_release(&pv_CertAuthority_table, &out->authorities[0]);
	member_check(
	        fields_clone(&pv_CertAuthority_table, w->authority, &out->authorities[0], &err),
	        &err);
	if (w->shows == w->signs)
		return;
	member_answer(&shown, w->shows, &w->users, w->key, w->clock.wall, end);
	member_check(fields_set_str(&out->tls_server_certificate, shown.tls_certificate, &err),
	             &err);
	fields_release(&pv_JoinResponse_table, &shown);
}

static inline void on_list(struct rpc_call *call)
{
	struct world *w = rpc_call_server_ctx(call);
	pv_Resource r = { .which_of = pv_Resource_cert_authority_tag };
	pv_ListResourcesResponse answer = { .resources = &r, .resources_count = 1 };

	w->lists++;
	r.of.cert_authority = *w->authority;
	rpc_call_reply(call, &answer);
}

static inline void on_renew(struct rpc_call *call)
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
	if (w->authority != NULL)
		rotated_answer(w, &answer);
	else
		member_answer(&answer, &w->hosts, &w->users, w->key, w->clock.wall,
		              w->clock.wall + 3 * PKI_HOUR);
	answer.time = w->server_time;
	rpc_call_reply(call, &answer);
	fields_release(&pv_JoinResponse_table, &answer);
}

static inline int allow(struct rpc_call *call, const struct rpc_method *m, struct err *err)
{
	(void)call;
	(void)m;
	(void)err;
	return 0;
}

static inline void on_accept(void *owner, struct stream *take_stream)
{
	struct world *w = owner;
	struct err err = { 0 };

	member_check(rpc_server_attach(w->server, take_stream, NULL, &err), &err);
}

static inline void authd_comes(struct world *w)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct listen_limits limits = { 0 };
	static const struct rpc_method methods[] = {
		{ .call = AUTH_RENEW_HOST, .handle = on_renew },
		{ .call = AUTH_LIST_RESOURCES, .handle = on_list },
	};
	const struct rpc_server_conf conf = { .loop = w->loop,
		                              .main = { &pv_Auth_service, methods, 2 },
		                              .ctx = w,
		                              .authorize = allow };
	struct err err = { 0 };

	w->server = rpc_server_new(&conf, &err);
	assert_non_null(w->server);
	w->listen = listen_new(w->loop, &limits, &handler, w);
	member_check(listen_add(w->listen, w->addr, &err), &err);
}

static inline void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

static inline void authd_goes(struct world *w)
{
	listen_free(w->listen);
	rpc_server_stop(w->server, 0, on_stopped);
	turn_until(w->loop, w->stopped);
}

/* --- the host ----------------------------------------------------------------------------------
 */

static inline void on_change(void *ctx, const struct err *err)
{
	struct world *w = ctx;

	if (err == NULL) {
		w->changes++;
	} else {
		w->failures++;
		err_copy(&w->failure, err);
	}
}

static inline void become_a_member(struct world *w)
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

static inline struct world *begin(uv_loop_t *loop, int64_t now)
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
	pki_init(&w->next, "host CA");
	become_a_member(w);
	authd_comes(w);
	return w;
}

static inline void start(struct world *w)
{
	const char *const addrs[] = { w->addr, NULL };
	const struct host_conf conf = { .loop = w->loop,
		                        .clock = &w->clock.clock,
		                        .dir = w->state_dir,
		                        .system_role = "Node",
		                        .hostname = "web-1",
		                        .auth_addrs = addrs,
		                        .poll_ms = w->poll_ms,
		                        .ctx = w,
		                        .on_change = on_change };
	struct err err = { 0 };

	member_check(host_open(&conf, &w->host, &err), &err);
	assert_true(host_is_member(w->host));
	member_check(host_start(w->host, &err), &err);
}

static inline void end(struct world *w)
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
	pki_deinit(&w->next);
	free(w);
}

static inline void turn(struct world *w, int turns)
{
	while (turns-- > 0)
		uv_run(w->loop, UV_RUN_NOWAIT);
}

#endif

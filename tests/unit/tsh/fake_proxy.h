/*
 * fake_proxy - enough of a proxy, on the same loop as the client, for tests of tsh: TLS with a
 * cluster's authority, Ping, Login with certificates, and streams to an echoing node.
 */
#ifndef TESTS_FAKE_PROXY_H
#define TESTS_FAKE_PROXY_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "crypto/sshcert.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "loop/listen.h"
#include "loop/stream.h"
#include "loop/work.h"
#include "rpc/http_conn.h"
#include "wire/framing.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/dial.fields.h"

#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define FAKE_PASSWORD "correct horse"

struct fake_proxy {
	uv_loop_t *loop;
	struct clock_fake clock;
	struct pki pki;
	struct pki_leaf leaf;
	struct ticket_keys *tickets;
	struct tls_conf *conf;
	struct listen *listen;
	struct work_pool *pool;
	int64_t clock_ahead;     /* what its answers say beyond the real time */
	const char *cluster;     /* in the answer to Login */
	bool certify_other_key;  /* a wrong answer to Login */
	const char *refuse_dial; /* the message of a refused dial */
	int pings;
	int logins;
	int dials;
	int resumed; /* dials on a resumed TLS session */
	/* takes a granted stream of kind JOIN; NULL: it echoes like any other */
	void (*join)(struct fake_proxy *p, struct stream *take_stream);
	char last_target[64];
	char last_login[64];
};

/* --- JSON ------------------------------------------------------------------------------------- */

static inline void fake_respond(struct http_conn *c, int status, const struct fields_table *t,
                                const void *message)
{
	struct http1_header json = { "Content-Type", "application/json" };
	struct buf body = { 0 };
	struct err err = { 0 };

	assert_int_equal(fields_to_json(t, message, 0, &body, &err), 0);
	http_conn_respond(c, status, &json, 1, body.data, body.len);
	buf_deinit(&body);
}

static inline void fake_ping(struct fake_proxy *p, struct http_conn *c)
{
	pv_PingResponse pong = { .cluster_name = (char *)"example",
		                 .time = clock_wall_ms(&p->clock.clock) + p->clock_ahead };

	p->pings++;
	fake_respond(c, 200, &pv_PingResponse_table, &pong);
}

static inline void fake_ssh_cert(const struct fake_proxy *p, const pv_LoginRequest *request,
                                 struct buf *out)
{
	const char *const principals[] = { "root" };
	struct sshkey subject = { 0 };
	struct err err = { 0 };

	if (p->certify_other_key)
		assert_int_equal(sshkey_from_pubkey(key_public(p->leaf.key), "", &subject, &err),
		                 0);
	else
		assert_int_equal(sshkey_parse_line(request->ssh_public_key, &subject, &err), 0);
	assert_int_equal(sshcert_issue(&(struct sshcert_spec){ .type = SSHCERT_USER,
	                                                       .subject = &subject,
	                                                       .key_id = request->user,
	                                                       .principals = principals,
	                                                       .principal_count = 1,
	                                                       .not_before_ms = PKI_NOW - PKI_HOUR,
	                                                       .not_after_ms = PKI_NOW + PKI_HOUR },
	                               p->pki.key, out, &err),
	                 0);
	sshkey_deinit(&subject);
}

static inline void fake_tls_cert(const struct fake_proxy *p, const pv_LoginRequest *request,
                                 struct buf *out)
{
	struct pubkey *key = NULL;
	struct x509 *cert = NULL;
	struct err err = { 0 };

	assert_int_equal(
	        pubkey_load(request->tls_public_key, strlen(request->tls_public_key), &key, &err),
	        0);
	assert_int_equal(x509_issue(&(struct x509_spec){ .subject_key = key,
	                                                 .common_name = request->user,
	                                                 .not_before_ms = PKI_NOW - PKI_HOUR,
	                                                 .not_after_ms = PKI_NOW + PKI_HOUR,
	                                                 .usage = X509_CLIENT },
	                            p->pki.ca, p->pki.key, &cert, &err),
	                 0);
	x509_append_pem(cert, out);
	x509_unref(cert);
	pubkey_unref(key);
}

static inline void fake_authority(const struct fake_proxy *p, pv_LoginResponse *response)
{
	struct sshkey key = { 0 };
	struct buf ssh = { 0 }, pem = { 0 };
	struct err err = { 0 };
	pv_CertAuthority *ca =
	        fields_add(&response->authorities, &response->authorities_count, sizeof(*ca), &err);
	pv_CaKeys *keys = &ca->spec.active_keys;
	pv_SshKeyPair *ssh_pair = fields_add(&keys->ssh, &keys->ssh_count, sizeof(*ssh_pair), &err);
	pv_TlsKeyPair *tls_pair = fields_add(&keys->tls, &keys->tls_count, sizeof(*tls_pair), &err);

	assert_int_equal(sshkey_from_pubkey(key_public(p->pki.key), "", &key, &err), 0);
	sshkey_append_line(&key, &ssh);
	x509_append_pem(p->pki.ca, &pem);
	ca->has_spec = ca->spec.has_active_keys = true;
	fields_set_str(&ca->spec.type, "host", &err);
	fields_set_str(&ca->spec.cluster_name, p->cluster, &err);
	fields_set_str(&ssh_pair->public_key, buf_str(&ssh), &err);
	fields_set_str(&tls_pair->cert, buf_str(&pem), &err);
	buf_deinit(&ssh);
	buf_deinit(&pem);
	sshkey_deinit(&key);
}

static inline void fake_login(struct fake_proxy *p, struct http_conn *c,
                              const struct http1_message *m)
{
	static const char refusal[] = "{\"code\":\"UNAUTHENTICATED\",\"message\":"
	                              "\"invalid user name or password\"}";
	struct http1_header json = { "Content-Type", "application/json" };
	pv_LoginRequest request = { 0 };
	pv_LoginResponse response = { .valid_until = PKI_NOW + PKI_HOUR };
	struct buf ssh = { 0 }, tls = { 0 };
	struct err err = { 0 };

	p->logins++;
	assert_int_equal(
	        fields_from_json(&pv_LoginRequest_table, m->body, m->body_len, &request, &err), 0);
	if (!str_eq(request.password, FAKE_PASSWORD)) {
		http_conn_respond(c, 401, &json, 1, refusal, sizeof(refusal) - 1);
	} else {
		fake_ssh_cert(p, &request, &ssh);
		fake_tls_cert(p, &request, &tls);
		fake_authority(p, &response);
		fields_set_str(&response.user, request.user, &err);
		fields_set_str(&response.cluster_name, p->cluster, &err);
		fields_set_str(&response.ssh_certificate, buf_str(&ssh), &err);
		fields_set_str(&response.tls_certificate, buf_str(&tls), &err);
		fields_add_str(&response.logins, &response.logins_count, "root", &err);
		response.time = clock_wall_ms(&p->clock.clock) + p->clock_ahead;
		fake_respond(c, 200, &pv_LoginResponse_table, &response);
	}
	buf_deinit(&ssh);
	buf_deinit(&tls);
	fields_release(&pv_LoginRequest_table, &request);
	fields_release(&pv_LoginResponse_table, &response);
}

static inline void fake_on_request(struct http_conn *c, const struct http1_message *m)
{
	struct fake_proxy *p = http_conn_ctx(c);

	assert_string_equal(m->method, "POST");
	assert_string_equal(http1_header(m, "Content-Type"), "application/json");
	if (str_eq(m->target, "/v1/Ping"))
		fake_ping(p, c);
	else if (str_eq(m->target, "/v1/Login"))
		fake_login(p, c, m);
	else
		fail_msg("unexpected call of %s", m->target);
}

static inline void fake_http_closed(struct http_conn *c)
{
	(void)c;
}

/* --- streams ---------------------------------------------------------------------------------- */

static inline size_t fake_echo(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	(void)owner;
	stream_write(s, data, len);
	return len;
}

static inline void fake_end(void *owner, struct stream *s)
{
	(void)owner;
	stream_end(s);
}

static const struct stream_handler fake_node = { .on_data = fake_echo, .on_end = fake_end };

static inline size_t fake_dial(void *owner, struct stream *s, const uint8_t *data, size_t len)
{
	struct fake_proxy *p = owner;
	pv_DialRequest request = { 0 };
	pv_DialResponse answer = { 0 };
	struct buf bytes = { 0 };
	struct err err = { 0 };
	size_t used = 0;

	assert_int_equal(
	        framing_decode(&pv_DialRequest_table, data, len, 4096, &request, &used, &err), 0);
	if (used == 0)
		return 0;
	p->dials++;
	p->resumed += tls_peer(stream_tls(s))->resumed;
	str_copy(p->last_target, sizeof(p->last_target), request.target);
	str_copy(p->last_login, sizeof(p->last_login), request.login != NULL ? request.login : "");
	if (p->refuse_dial != NULL) {
		answer.code = 5;
		answer.message = (char *)(uintptr_t)p->refuse_dial;
	}
	assert_int_equal(framing_append(&pv_DialResponse_table, &answer, 4096, &bytes, &err), 0);
	stream_attach(s, &fake_node, p);
	stream_write(s, bytes.data, bytes.len);
	if (p->refuse_dial != NULL)
		stream_close(s);
	else if (request.kind == pv_StreamKind_STREAM_JOIN && p->join != NULL)
		p->join(p, s);
	buf_deinit(&bytes);
	fields_release(&pv_DialRequest_table, &request);
	return used;
}

static const struct stream_handler fake_stream = { .on_data = fake_dial, .on_end = fake_end };

/* --- the port --------------------------------------------------------------------------------- */

static inline void fake_on_secure(void *owner, struct stream *s)
{
	struct fake_proxy *p = owner;
	struct http_conn_conf http = {
		.loop = p->loop, .ctx = p, .request = fake_on_request, .closed = fake_http_closed
	};
	const struct tls_peer *peer = tls_peer(stream_tls(s));
	struct err err = { 0 };

	if (str_eq(peer->alpn, "http/1.1")) {
		assert_null(peer->cert);
		assert_non_null(http_conn_new(&http, s, &err));
		return;
	}
	assert_string_equal(peer->alpn, "postern-stream/1");
	assert_string_equal(peer->cert->common_name, "alice");
	stream_attach(s, &fake_stream, p);
}

static const struct stream_handler fake_securing = { .on_secure = fake_on_secure };

static inline void fake_on_accept(void *owner, struct stream *take_stream)
{
	struct fake_proxy *p = owner;
	struct tls *tls = NULL;
	struct err err = { 0 };

	assert_int_equal(tls_new(p->conf, NULL, &tls, &err), 0);
	stream_attach(take_stream, &fake_securing, p);
	stream_start_tls(take_stream, tls, p->pool, 5000);
}

static const struct listen_handler fake_listener = { .on_accept = fake_on_accept };

static inline void fake_proxy_open(struct fake_proxy *p, uv_loop_t *loop)
{
	static const char *const alpn[] = { "postern-stream/1", "http/1.1", NULL };
	static const char *const hosts[] = { "127.0.0.1" };
	const struct x509 *chain[2];
	struct tls_own own;
	struct tls_conf_spec spec;
	struct err err = { 0 };
	int rc;

	*p = (struct fake_proxy){ .loop = loop, .cluster = "example" };
	clock_fake_init(&p->clock, PKI_NOW);
	pki_init(&p->pki, "example host CA");
	pki_issue(&p->pki,
	          (struct x509_spec){ .common_name = "proxy",
	                              .hosts = hosts,
	                              .host_count = 1,
	                              .usage = X509_SERVER | X509_CLIENT },
	          &p->leaf);
	chain[0] = p->leaf.cert;
	chain[1] = p->pki.ca;
	own = (struct tls_own){ .chain = chain, .chain_len = 2, .key = p->leaf.key };
	rc = ticket_keys_new(&p->clock.clock, 12 * PKI_HOUR, &p->tickets, &err);
	spec = (struct tls_conf_spec){ .role = TLS_SERVER,
		                       .service = "proxyd",
		                       .clock = &p->clock.clock,
		                       .own = &own,
		                       .own_count = 1,
		                       .trust = p->pki.trust,
		                       .client_auth = TLS_AUTH_OPTIONAL,
		                       .alpn = alpn,
		                       .tickets = p->tickets };
	rc |= tls_conf_new(&spec, &p->conf, &err);
	assert_int_equal(rc, 0);
	p->pool = work_pool_new(loop, 2, 8);
	p->listen = listen_new(loop, NULL, &fake_listener, p);
	assert_int_equal(listen_add(p->listen, "127.0.0.1:0", &err), 0);
}

static inline void fake_proxy_close(struct fake_proxy *p)
{
	listen_free(p->listen);
	uv_run(p->loop, UV_RUN_DEFAULT);
	work_pool_free(p->pool);
	uv_run(p->loop, UV_RUN_DEFAULT);
	tls_conf_unref(p->conf);
	ticket_keys_unref(p->tickets);
	pki_leaf_deinit(&p->leaf);
	pki_deinit(&p->pki);
}

/* What tsh login is given as --ca-pin. */
static inline void fake_proxy_pin(const struct fake_proxy *p, char out[PIN_TEXT_SIZE])
{
	pin_format(&x509_info(p->pki.ca)->pin, out);
}

#endif

/* Each allocation of the codecs fails in its turn: an error comes back, and (in the
 * sanitizer build) nothing was leaked or used after its end. */
#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "crypto/sshcert.h"
#include "model/resource.h"
#include "record/frame.h"
#include "wire/fields.h"
#include "wire/grpc.h"
#include "wire/http1.h"
#include "wire/spdy.h"
#include "wire/websocket.h"

#include "proto/resource.fields.h"
#include "tests/unit/no_memory.h"
#include "tests/unit/pki.h"
#include "tests/unit/sample.h"
#include "tests/unit/ssh_samples.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define ROLE_YAML                                                                           \
	"{kind: role, version: v7, metadata: {name: dev, labels: {a: b}}, spec: {options: " \
	"{max_session_ttl: 8h}, allow: {logins: [dev, '{{internal.logins}}', "              \
	"'{{email.local(external.email)}}'], node_labels: {env: [dev, '^qa-.*$']}, rules: " \
	"[{resources: [session], verbs: [list], where: "                                    \
	"'contains(session.participants, user.metadata.name)'}]}, deny: {logins: [root]}}}"
#define ROLE_JSON                                                                             \
	"{\"kind\":\"role\",\"version\":\"v7\",\"metadata\":{\"name\":\"dev\",\"labels\":{"   \
	"\"a\":\"b\"}},\"spec\":{\"allow\":{\"logins\":[\"x\",\"y\"],\"node_labels\":{\"e\":" \
	"[\"1\",\"2\"]}}}}"

static struct pki authority;
static struct key *subject;
static struct buf recording;

/* --- wire ------------------------------------------------------------------------------------ */

static int reads_http1(struct err *err)
{
	static const char request[] = "POST /v1/Ping HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
	                              "X-Long: 0123456789\r\n\r\nhello";
	struct http1 *h = http1_new(HTTP1_REQUEST, NULL);
	size_t used, at = 0;
	int rc = h == NULL ? err_set_nomem(err) : 0;

	while (rc == 0 && at < sizeof(request) - 1) {
		rc = http1_feed(h, request + at, sizeof(request) - 1 - at, &used, err);
		at += used;
	}
	if (rc == 0)
		assert_int_equal(http1_state(h), HTTP1_DONE);
	http1_free(h);
	return rc;
}

static int speaks_spdy(struct err *err)
{
	static const struct spdy_header header = { "streamtype", "stdin" };
	struct spdy *client = spdy_new(SPDY_CLIENT), *server = spdy_new(SPDY_SERVER);
	int rc = client == NULL || server == NULL ? err_set_nomem(err) : 0;
	struct spdy_event event;
	struct buf *wire;
	uint32_t id = 0;
	size_t used = 0;

	if (rc == 0)
		rc = spdy_open(client, &header, 1, &id, err);
	if (rc == 0) {
		wire = spdy_output(client);
		rc = spdy_read(server, wire->data, wire->len, &used, &event, err);
	}
	if (rc == 0)
		rc = spdy_reply(server, id, &header, 1, err);
	spdy_free(client);
	spdy_free(server);
	return rc;
}

static int speaks_websocket(struct err *err)
{
	char key[WEBSOCKET_KEY_SIZE], accept[WEBSOCKET_ACCEPT_SIZE];
	struct websocket client, server;
	struct websocket_event event;
	struct buf wire = { 0 };
	size_t used;
	int rc = websocket_key(key, err);

	websocket_init(&client, WEBSOCKET_CLIENT, NULL);
	websocket_init(&server, WEBSOCKET_SERVER, NULL);
	if (rc == 0)
		rc = websocket_accept(key, accept, err);
	if (rc == 0) {
		websocket_write(&client, WEBSOCKET_BINARY, "hello", 5, &wire);
		rc = buf_check(&wire, err);
	}
	if (rc == 0)
		rc = websocket_read(&server, wire.data, wire.len, &used, &event, err);
	websocket_deinit(&client);
	websocket_deinit(&server);
	buf_deinit(&wire);
	return rc;
}

static int writes_http1(struct err *err)
{
	const struct http1_header headers[] = { { "Content-Type", "text/plain" } };
	struct buf out = { 0 };
	int rc = http1_write_response(&out, 200, headers, 1, "hello", 5, err);

	if (rc == 0)
		rc = buf_check(&out, err);
	buf_deinit(&out);
	return rc;
}

static int frames_grpc(struct err *err)
{
	struct grpc_reader r;
	struct buf wire = { 0 };
	const uint8_t *data;
	size_t len;
	bool some = false;
	int rc;

	grpc_reader_init(&r, 0);
	grpc_write_frame(&wire, "hello", 5);
	rc = buf_check(&wire, err);
	if (rc == 0)
		rc = grpc_reader_feed(&r, wire.data, wire.len, err);
	if (rc == 0)
		rc = grpc_reader_next(&r, &some, &data, &len, err);
	assert_true(rc != 0 || some);
	grpc_reader_deinit(&r);
	buf_deinit(&wire);
	return rc;
}

/* Text, bytes, and text again. */
static int there_and_back(struct err *err, const pv_Resource *r)
{
	struct buf bytes = { 0 }, text = { 0 };
	pv_Resource again, copy;
	int rc = resource_encode(r, &bytes, err);

	if (rc == 0)
		rc = resource_decode(&again, bytes.data, bytes.len, err);
	if (rc == 0) {
		rc = fields_clone(&pv_Resource_table, &again, &copy, err);
		if (rc == 0) {
			resource_deinit(&copy);
			rc = fields_to_json(&pv_Resource_table, &again, FIELDS_PRETTY, &text, err);
		}
		if (rc == 0)
			rc = fields_to_yaml(&pv_Resource_table, &again, 0, &text, err);
		resource_deinit(&again);
	}
	buf_deinit(&bytes);
	buf_deinit(&text);
	return rc;
}

static int carries_json(struct err *err)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	int rc = fields_from_json(&pv_Role_table, ROLE_JSON, strlen(ROLE_JSON), &r.of.role, err);

	if (rc == 0)
		rc = there_and_back(err, &r);
	resource_deinit(&r);
	return rc;
}

static int carries_yaml(struct err *err)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	int rc = fields_from_yaml(&pv_Role_table, "test", ROLE_YAML, strlen(ROLE_YAML), &r.of.role,
	                          err);

	if (rc == 0)
		rc = there_and_back(err, &r);
	resource_deinit(&r);
	return rc;
}

/* --- conf ------------------------------------------------------------------------------------ */

struct settings {
	char *name;
	struct conf_addr listen;
	struct conf_list roles;
	struct conf_map labels;
};

static const struct conf_key settings_keys[] = {
	{ "name", CONF_STRING, offsetof(struct settings, name), "web", "its name" },
	{ "listen", CONF_ADDR, offsetof(struct settings, listen), "[::]:3025", "where" },
	{ "roles", CONF_LIST, offsetof(struct settings, roles), "[node, proxy]", "its roles" },
	{ "labels", CONF_MAP, offsetof(struct settings, labels), NULL, "its labels" },
	{ 0 },
};

static int reads_settings(struct err *err)
{
	static const char text[] = "name: db\nroles: [a, b]\nlabels: {env: prod, tier: web}\n";
	struct settings s;
	int rc = conf_parse(settings_keys, "test.yaml", text, strlen(text), &s, err);

	if (rc == 0)
		conf_deinit(settings_keys, &s);
	return rc;
}

/* --- crypto ---------------------------------------------------------------------------------- */

static int certifies_ssh(struct err *err)
{
	static const char *const principals[] = { "root", "alice" };
	static const struct sshcert_option extensions[] = { { "permit-pty", NULL },
		                                            { "identity@postern", "abc" } };
	struct sshcert_spec spec = { .type = SSHCERT_USER,
		                     .key_id = "alice",
		                     .principals = principals,
		                     .principal_count = 2,
		                     .not_before_ms = PKI_NOW,
		                     .not_after_ms = PKI_NOW + PKI_HOUR,
		                     .extensions = extensions,
		                     .extension_count = 2 };
	struct sshkey key = { 0 };
	struct sshcert cert;
	struct buf line = { 0 };
	int rc = sshkey_parse_line(ssh_samples[0].line, &key, err);

	spec.subject = &key;
	if (rc == 0)
		rc = sshcert_issue(&spec, authority.key, &line, err);
	if (rc == 0)
		rc = sshcert_parse_line(buf_str(&line), &cert, err);
	if (rc == 0)
		sshcert_deinit(&cert);
	sshkey_deinit(&key);
	buf_deinit(&line);
	return rc;
}

static int certifies_x509(struct err *err)
{
	static const char *const names[] = { "dev", "ops" };
	static const char *const hosts[] = { "web-1.example.com", "192.0.2.1" };
	const struct x509_spec spec = { .subject_key = key_public(subject),
		                        .common_name = "alice",
		                        .organizations = names,
		                        .organization_count = 2,
		                        .hosts = hosts,
		                        .host_count = 2,
		                        .identity = "abc",
		                        .identity_len = 3,
		                        .not_before_ms = PKI_NOW,
		                        .not_after_ms = PKI_NOW + PKI_HOUR,
		                        .usage = X509_CLIENT };
	struct x509 *cert = NULL, *again = NULL;
	struct buf pem = { 0 };
	int rc = x509_issue(&spec, authority.ca, authority.key, &cert, err);

	if (rc == 0) {
		x509_append_pem(cert, &pem);
		rc = buf_check(&pem, err);
	}
	if (rc == 0)
		rc = x509_load(pem.data, pem.len, &again, err);
	x509_unref(cert);
	x509_unref(again);
	buf_deinit(&pem);
	return rc;
}

/* --- record ---------------------------------------------------------------------------------- */

static int reads_a_recording(struct err *err)
{
	struct frame_reader r;
	const pv_Frame *f;
	int rc;

	frame_reader_init(&r);
	rc = frame_reader_feed(&r, recording.data, recording.len, err);
	do {
		f = NULL;
		if (rc == 0)
			rc = frame_reader_next(&r, &f, err);
	} while (rc == 0 && f != NULL);
	frame_reader_deinit(&r);
	return rc;
}

/* --- each in turn ---------------------------------------------------------------------------- */

static const struct no_memory_part parts[] = {
	{ "reads_http1", reads_http1 },
	{ "writes_http1", writes_http1 },
	{ "speaks_spdy", speaks_spdy },
	{ "speaks_websocket", speaks_websocket },
	{ "frames_grpc", frames_grpc },
	{ "carries_json", carries_json },
	{ "carries_yaml", carries_yaml },
	{ "reads_settings", reads_settings },
	{ "certifies_ssh", certifies_ssh },
	{ "certifies_x509", certifies_x509 },
	{ "reads_a_recording", reads_a_recording },
};

static void each_allocation_that_fails_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		no_memory_fail_each(&parts[i], false);
}

static void memory_that_stays_out_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		no_memory_fail_each(&parts[i], true);
}

static int set_up(void **state)
{
	struct err err;

	(void)state;
	pki_init(&authority, "test");
	sample_recording(&recording);
	return key_generate(&subject, &err);
}

static int tear_down(void **state)
{
	(void)state;
	pki_deinit(&authority);
	key_unref(subject);
	buf_deinit(&recording);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_that_fails_is_an_error),
		cmocka_unit_test(memory_that_stays_out_is_an_error),
	};

	return unit_run_with(tests, set_up, tear_down);
}

#include "authd/authorities/certify.h"

#include "authd/authorities/authority.h"
#include "base/buf.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshcert.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "model/identity.h"
#include "wire/fields.h"

#include "tests/unit/unit.h"

#include <string.h>

#define NOW  1800000000000LL
#define HOUR (60 * 60 * 1000LL)
#define ID   "6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11"

static struct authority ca = { .refs = 1 };
static char *ssh_line;
static char *tls_pem;

static int make_keys(void **state)
{
	struct sshkey ssh;
	struct buf pem = { 0 }, line = { 0 };
	struct key *key;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(&ca.client.tls_key, &err), 0);
	assert_int_equal(key_generate(&ca.client.ssh_key, &err), 0);
	assert_int_equal(x509_issue_ca("example", "user", ca.client.tls_key, NOW - HOUR,
	                               NOW + 100 * HOUR, &ca.client.tls_cert, &err),
	                 0);
	ca.server = ca.client;
	assert_int_equal(key_generate(&key, &err), 0);
	pubkey_append_pem(key_public(key), &pem);
	assert_int_equal(sshkey_from_pubkey(key_public(key), "me", &ssh, &err), 0);
	sshkey_append_line(&ssh, &line);
	tls_pem = (char *)buf_take(&pem, &(size_t){ 0 });
	ssh_line = (char *)buf_take(&line, &(size_t){ 0 });
	sshkey_deinit(&ssh);
	key_unref(key);
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	x509_unref(ca.client.tls_cert);
	key_unref(ca.client.tls_key);
	key_unref(ca.client.ssh_key);
	free(ssh_line);
	free(tls_pem);
	return 0;
}

static void fill(struct certify *c, const char *user, const char *role)
{
	struct err err;

	*c = (struct certify){ .now = NOW, .backdate = 60 * 1000 };
	assert_int_equal(fields_set_str(&c->identity.user, user, &err), 0);
	assert_int_equal(fields_set_str(&c->identity.cluster, "example", &err), 0);
	assert_int_equal(fields_add_str(&c->identity.roles, &c->identity.roles_count, role, &err),
	                 0);
	assert_int_equal(fields_set_str(&c->ssh_public_key, ssh_line, &err), 0);
	assert_int_equal(fields_set_str(&c->tls_public_key, tls_pem, &err), 0);
	c->identity.expires = NOW + HOUR;
}

static void sign(struct certify *c, struct x509 **tls, struct sshcert *ssh)
{
	struct x509_set *trust;
	struct sshkey ssh_ca;
	struct err err;

	if (certify_now(c, &ca, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(x509_load(c->tls, strlen(c->tls), tls, &err), 0);
	assert_int_equal(x509_set_new(&trust, &err), 0);
	assert_int_equal(x509_set_add(trust, ca.client.tls_cert, &err), 0);
	assert_int_equal(x509_set_verify(trust, *tls, NULL, 0, NOW, NULL, &err), 0);
	x509_set_unref(trust);
	assert_int_equal(sshcert_parse_line(c->ssh, ssh, &err), 0);
	assert_int_equal(sshkey_from_pubkey(key_public(ca.client.ssh_key), "", &ssh_ca, &err), 0);
	assert_int_equal(sshcert_verify(ssh, &ssh_ca, 1, NOW, &err), 0);
	sshkey_deinit(&ssh_ca);
}

static void both_certificates_say_the_same_of_a_person(void **state)
{
	const struct x509_info *info;
	struct certify c;
	struct sshcert ssh;
	struct x509 *tls;
	pv_Identity id;
	const char *text;
	struct err err;

	(void)state;
	fill(&c, "alice", "dev");
	c.allow.port_forwarding = true;
	assert_int_equal(fields_add_str(&c.identity.logins, &c.identity.logins_count, "root", &err),
	                 0);
	sign(&c, &tls, &ssh);

	info = x509_info(tls);
	assert_string_equal(info->common_name, "alice");
	assert_int_equal(info->organization_count, 1);
	assert_string_equal(info->organizations[0], "dev");
	assert_int_equal(info->not_before_ms, NOW - 60 * 1000);
	assert_int_equal(info->not_after_ms, NOW + HOUR);
	assert_int_equal(identity_decode(&id, info->identity, info->identity_len, &err), 0);
	assert_string_equal(id.user, "alice");
	identity_deinit(&id);

	assert_int_equal(ssh.type, SSHCERT_USER);
	assert_string_equal(ssh.key_id, "alice");
	assert_int_equal(ssh.principal_count, 2);
	assert_string_equal(ssh.principals[0], IDENTITY_DOOR_PRINCIPAL);
	assert_string_equal(ssh.principals[1], "root");
	assert_non_null(sshcert_extension(&ssh, "permit-pty"));
	assert_non_null(sshcert_extension(&ssh, "permit-port-forwarding"));
	assert_null(sshcert_extension(&ssh, "permit-agent-forwarding"));
	assert_null(sshcert_extension(&ssh, "permit-X11-forwarding"));
	text = sshcert_extension(&ssh, IDENTITY_SSH_EXTENSION);
	assert_int_equal(identity_decode_ssh(&id, text, strlen(text), &err), 0);
	assert_string_equal(id.roles[0], "dev");
	identity_deinit(&id);
	sshcert_deinit(&ssh);
	x509_unref(tls);
	certify_deinit(&c);
}

static void a_name_never_adds_an_attribute(void **state)
{
	struct certify c;
	struct sshcert ssh;
	struct x509 *tls;

	(void)state;
	fill(&c, "alice,O=admin", "dev+O=admin");
	sign(&c, &tls, &ssh);
	assert_string_equal(x509_info(tls)->common_name, "alice,O=admin");
	assert_int_equal(x509_info(tls)->organization_count, 1);
	assert_string_equal(x509_info(tls)->organizations[0], "dev+O=admin");
	sshcert_deinit(&ssh);
	x509_unref(tls);
	certify_deinit(&c);
}

static void without_logins_a_certificate_opens_the_door_only(void **state)
{
	struct certify c;
	struct sshcert ssh;
	struct x509 *tls;

	(void)state;
	fill(&c, "alice", "dev");
	sign(&c, &tls, &ssh);
	assert_int_equal(ssh.principal_count, 1);
	assert_string_equal(ssh.principals[0], IDENTITY_DOOR_PRINCIPAL);
	sshcert_deinit(&ssh);
	x509_unref(tls);
	certify_deinit(&c);
}

static void a_host_is_certified_by_its_id_and_names(void **state)
{
	struct certify c = { .now = NOW };
	struct sshcert ssh;
	struct x509 *tls;
	struct err err;

	(void)state;
	fields_set_str(&c.identity.host_id, ID, &err);
	fields_set_str(&c.identity.system_role, "Node", &err);
	fields_set_str(&c.identity.cluster, "example", &err);
	c.identity.expires = NOW + HOUR;
	c.ssh_public_key = strdup(ssh_line);
	c.tls_public_key = strdup(tls_pem);
	strlist_add(&c.tls_names, ID ".example", &err);
	strlist_add(&c.ssh_names, "web-1", &err);
	sign(&c, &tls, &ssh);
	assert_string_equal(x509_info(tls)->common_name, ID ".example");
	assert_string_equal(x509_info(tls)->organizations[0], "Node");
	assert_true(x509_is_for_host(x509_info(tls), ID ".example"));
	assert_false(x509_is_for_host(x509_info(tls), "web-1"));
	assert_int_equal(ssh.type, SSHCERT_HOST);
	assert_string_equal(ssh.principals[0], "web-1");
	assert_null(sshcert_extension(&ssh, "permit-pty"));
	sshcert_deinit(&ssh);
	x509_unref(tls);
	certify_deinit(&c);
}

static void keys_that_are_none_are_refused(void **state)
{
	struct certify c;
	struct err err;

	(void)state;
	fill(&c, "alice", "dev");
	fields_set_str(&c.ssh_public_key, "ssh-ed25519 nonsense", &err);
	assert_int_equal(certify_now(&c, &ca, &err), ERR_INVALID);
	assert_true(str_starts(err.msg, "certify the SSH key: "));
	fields_set_str(&c.tls_public_key, "nonsense", &err);
	assert_int_equal(certify_now(&c, &ca, &err), ERR_INVALID);
	fields_set_str(&c.tls_public_key, NULL, &err);
	fields_set_str(&c.ssh_public_key, NULL, &err);
	assert_int_equal(certify_now(&c, &ca, &err), ERR_INVALID);
	assert_string_equal(err.msg, "there is no public key to certify");
	certify_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_certificates_say_the_same_of_a_person),
		cmocka_unit_test(a_name_never_adds_an_attribute),
		cmocka_unit_test(without_logins_a_certificate_opens_the_door_only),
		cmocka_unit_test(a_host_is_certified_by_its_id_and_names),
		cmocka_unit_test(keys_that_are_none_are_refused),
	};

	return unit_run_with(tests, make_keys, drop_keys);
}

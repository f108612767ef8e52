/* place: which kubeconfigs are taken, which are refused and with what word, and tokens that change.
 */
#include "kubeproxyd/upstream/place.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/base64.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "file/file.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static char dir[] = "/tmp/test-place-XXXXXX";
static char authority[8192]; /* its certificate, in base64 */

static char *at(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	struct err err;

	assert_int_equal(file_replace_brief(at(name), text, strlen(text), 0600, &err), 0);
}

static int make_authority(void **state)
{
	struct buf pem = { 0 }, text = { 0 };
	struct key *key;
	struct x509 *ca;
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(key_generate(&key, &err), 0);
	assert_int_equal(x509_issue_ca("kube", "kube", key, 0, INT64_C(4000000000000), &ca, &err),
	                 0);
	x509_append_pem(ca, &pem);
	base64_append(&text, pem.data, pem.len);
	snprintf(authority, sizeof(authority), "%s", buf_str(&text));
	put("ca.crt", buf_str(&pem));
	buf_deinit(&pem);
	buf_deinit(&text);
	x509_unref(ca);
	key_unref(key);
	return 0;
}

static int remove_files(void **state)
{
	const char *const names[] = { "ca.crt", "config", "token" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(at(names[i]));
	return rmdir(dir);
}

/* A kubeconfig with these parts; "CA" stands for good authority data. */
static int load(struct place *p, const char *cluster, const char *user, struct err *err)
{
	char text[10000], ca[9000] = "";

	if (strncmp(cluster, "CA", 2) == 0) {
		snprintf(ca, sizeof(ca), "certificate-authority-data: %s", authority);
		cluster += 2;
	}
	snprintf(text, sizeof(text),
	         "apiVersion: v1\ncurrent-context: c\n"
	         "contexts: [{name: x, context: {}}, {name: c, context: {cluster: k, user: u}}]\n"
	         "clusters: [{name: k, cluster: {%s%s}}]\nusers: [{name: u, user: {%s}}]\n",
	         ca, cluster, user);
	put("config", text);
	return place_load(p, at("config"), err);
}

static void the_current_context_says_where_and_who(void **state)
{
	static const struct {
		const char *server, *addr, *host, *path, *name;
	} rows[] = {
		{ "https://10.0.0.1", "10.0.0.1:443", "10.0.0.1", "", "10.0.0.1" },
		{ "https://api.example:6443/", "api.example:6443", "api.example:6443", "",
		  "api.example" },
		{ "https://r.example/k8s/clusters/c-1/", "r.example:443", "r.example",
		  "/k8s/clusters/c-1", "r.example" },
		{ "'https://[fd00::1]:6443'", "[fd00::1]:6443", "[fd00::1]:6443", "", "fd00::1" },
		{ "'https://[fd00::1]'", "[fd00::1]:443", "[fd00::1]", "", "fd00::1" },
		{ "https://10.0.0.1, tls-server-name: kubernetes", "10.0.0.1:443", "10.0.0.1", "",
		  "kubernetes" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct place p;
		struct err err;
		char cluster[300];

		snprintf(cluster, sizeof(cluster), "CA, server: %s", rows[i].server);
		if (load(&p, cluster, "token: abc", &err) != 0)
			fail_msg("%s: %s", rows[i].server, err.msg);
		assert_string_equal(p.addr, rows[i].addr);
		assert_string_equal(p.host, rows[i].host);
		assert_string_equal(p.path, rows[i].path);
		assert_string_equal(p.server_name, rows[i].name);
		assert_string_equal(p.token, "abc");
		assert_int_equal(x509_set_count(p.trust), 1);
		place_deinit(&p);
	}
}

static void what_would_weaken_it_or_run_something_is_refused(void **state)
{
	static const struct {
		const char *cluster, *user, *says;
	} rows[] = {
		{ "CA, server: https://a", "exec: {command: aws}", "exec plugin" },
		{ "CA, server: https://a", "auth-provider: {name: gcp}", "auth-provider" },
		{ "CA, server: https://a", "username: a, password: b", "a password" },
		{ "CA, server: https://a", "token: a, as: root", "impersonat" },
		{ "CA, server: https://a", "token: 'a b'", "character" },
		{ "CA, server: https://a", "token: \"a\\r\\nX: y\"", "character" },
		{ "CA, server: https://a", "", "neither a token nor a client certificate" },
		{ "CA, server: https://a", "client-certificate-data: YQ==", "go together" },
		{ "CA, server: https://a", "client-key: nowhere.key", "nowhere.key" },
		{ "CA, server: https://a", "tokenFile: nowhere", "nowhere" },
		{ "CA, server: http://a", "token: a", "not https" },
		{ "CA, server: 'https://u@a'", "token: a", "not https" },
		{ "CA, server: 'https://'", "token: a", "not https" },
		{ "CA", "token: a", "not https" },
		{ "server: https://a", "token: a", "certificate-authority: missing" },
		{ "server: https://a, certificate-authority-data: '%%'", "token: a",
		  "certificate-authority-data" },
		{ "server: https://a, certificate-authority-data: YWJj", "token: a",
		  "certificate-authority" },
		{ "CA, server: https://a, insecure-skip-tls-verify: true", "token: a",
		  "insecure-skip-tls-verify" },
		{ "CA, server: https://a, proxy-url: 'http://p'", "token: a", "a proxy" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct place p = { 0 };
		struct err err = { 0 };

		if (load(&p, rows[i].cluster, rows[i].user, &err) == 0)
			fail_msg("row %zu was taken", i);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.msg);
		assert_null(p.addr);
	}
}

static void a_file_that_is_no_kubeconfig_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "not one document" },
		{ "current-context: x", "context 'x': it is not there" },
		{ "contexts: []", "current-context: missing" },
		{ "current-context: x\ncontexts: [{name: x, context: {cluster: a, user: b}}]",
		  "its cluster" },
		{ "current-context: x\ncontexts: 7", "it is not there" },
		{ "a: [", "config:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct place p = { 0 };
		struct err err = { 0 };

		put("config", rows[i].text);
		if (place_load(&p, at("config"), &err) == 0)
			fail_msg("'%s' was taken", rows[i].text);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("'%s': %s", rows[i].text, err.msg);
	}
}

static void a_pods_account_is_read_and_its_token_read_again(void **state)
{
	struct place p;
	struct err err;

	(void)state;
	put("token", "first\n");
	assert_int_equal(place_of_pod(&p, NULL, "443", dir, &err), ERR_NOT_FOUND);
	assert_int_equal(place_of_pod(&p, "10.96.0.1", "443", dir, &err), 0);
	assert_string_equal(p.addr, "10.96.0.1:443");
	assert_string_equal(p.token, "first");
	put("token", "second");
	assert_int_equal(place_reread_token(&p, &err), 0);
	assert_string_equal(p.token, "second");
	put("token", "\n");
	assert_int_equal(place_reread_token(&p, &err), ERR_INVALID);
	assert_string_equal(p.token, "second");
	place_deinit(&p);
	assert_int_equal(place_of_pod(&p, "fd00::1", "6443", "/nowhere", &err), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_current_context_says_where_and_who),
		cmocka_unit_test(what_would_weaken_it_or_run_something_is_refused),
		cmocka_unit_test(a_file_that_is_no_kubeconfig_is_refused),
		cmocka_unit_test(a_pods_account_is_read_and_its_token_read_again),
	};

	return unit_run_with(tests, make_authority, remove_files);
}

#include "wire/http_proxy.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/http1.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The environment: names and values in turns. */
static const char *environment[9];

static char *env(const char *name)
{
	for (size_t i = 0; environment[i] != NULL; i += 2)
		if (strcmp(environment[i], name) == 0)
			return (char *)(uintptr_t)environment[i + 1];
	return NULL;
}

static void surround(const char *small, const char *large, const char *no_small,
                     const char *no_large)
{
	const char *const now[] = { "https_proxy", small,    "HTTPS_PROXY", large,
		                    "no_proxy",    no_small, "NO_PROXY",    no_large };

	memcpy(environment, now, sizeof(now));
}

static struct http_proxy *proxy_of(const char *setting)
{
	struct http_proxy *p = NULL;
	struct err err;

	if (http_proxy_new(setting, env, &p, &err) != 0)
		fail_msg("%s", err.msg);
	return p;
}

/* --- where the settings come from ------------------------------------------------------------- */

static void expect_addr(const char *setting, const char *expected)
{
	struct http_proxy *p = proxy_of(setting);

	if (expected == NULL)
		assert_null(p);
	else
		assert_string_equal(http_proxy_addr(p), expected);
	http_proxy_free(p);
}

static void the_setting_counts_before_the_environment(void **state)
{
	(void)state;
	surround("http://small:1", "http://large:2", NULL, NULL);
	expect_addr("http://set:3", "set:3");
	expect_addr("", NULL);
	expect_addr(NULL, "small:1");
	surround("", "large:2/", NULL, NULL);
	expect_addr(NULL, "large:2");
	surround(NULL, NULL, NULL, NULL);
	expect_addr(NULL, NULL);
}

static void the_address_is_read_out_of_the_url(void **state)
{
	static const struct {
		const char *url, *addr;
	} rows[] = {
		{ "http://cache:3128", "cache:3128" },
		{ "HTTP://cache:3128/", "cache:3128" },
		{ "cache:3128", "cache:3128" },
		{ "http://[2001:db8::1]:8080", "[2001:db8::1]:8080" },
		{ "http://me:pass@cache:3128", "cache:3128" },
		{ "http://me:p@ss@cache:3128", "cache:3128" },
		{ "me:@192.0.2.1:80", "192.0.2.1:80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect_addr(rows[i].url, rows[i].addr);
}

static void what_is_no_such_url_is_refused_without_a_word_of_it(void **state)
{
	static const char *const bad[] = {
		"http://",
		"/",
		"http://cache",
		"http://:3128",
		"http://cache:0",
		"http://cache:99999",
		"http://cache:3128/path",
		"https://cache:3128",
		"socks5://cache:3128",
		"https://me:s3cret@cache:3128",
		"http://me:s3/cret@cache:3128",
		"http://cache:3128\r\nX: y",
		"http://s3cret@cache:3128",
		"http://me:s3cret%@cache:3128",
		"http://me:s3cret%4@cache:3128",
		"http://me:s3cret%0a@cache:3128",
		"http://m%3ae:s3cret@cache:3128",
		"http://me:s3cret\n@cache:3128",
		"http://me:s3cret@cache",
		"http://me:s3cret@",
	};
	struct http_proxy *p;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(http_proxy_new(bad[i], env, &p, &err), ERR_INVALID);
		assert_null(p);
		assert_null(strstr(err.msg, "s3cret"));
		assert_memory_equal(err.msg, "http_proxy: ", 12);
	}
	surround("nonsense", NULL, NULL, NULL);
	assert_int_equal(http_proxy_new(NULL, env, &p, &err), ERR_INVALID);
	assert_memory_equal(err.msg, "https_proxy: ", 13);
}

/* --- which targets go through it -------------------------------------------------------------- */

static void the_environment_excepts_names_below_names_addresses_and_all(void **state)
{
	static const struct {
		const char *except, *target;
		bool covered;
	} rows[] = {
		{ NULL, "example.com:443", true },
		{ "", "example.com:443", true },
		{ "example.com", "example.com:443", false },
		{ "example.com", "EXAMPLE.com:443", false },
		{ "example.com", "proxy.example.com:443", false },
		{ ".example.com", "proxy.example.com:443", false },
		{ ".example.com", "example.com:443", false },
		{ "example.com", "badexample.com:443", true },
		{ "proxy.example.com", "example.com:443", true },
		{ "a.test, example.com", "example.com:443", false },
		{ "a.test example.com", "example.com:443", false },
		{ ",,.,", "example.com:443", true },
		{ "192.0.2.7", "192.0.2.7:443", false },
		{ "2.7", "192.0.2.7:443", true },
		{ "192.0.2.70", "192.0.2.7:443", true },
		{ "2001:db8::1", "[2001:db8:0::1]:443", false },
		{ "[2001:db8::1]", "[2001:db8::1]:443", false },
		{ "2001:db8::2", "[2001:db8::1]:443", true },
		{ "*", "example.com:443", false },
		{ "a.test,*", "192.0.2.7:443", false },
		{ NULL, "unix:/run/authd", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_proxy *p;

		surround("http://cache:3128", NULL, NULL, rows[i].except);
		p = proxy_of(NULL);
		if (http_proxy_covers(p, rows[i].target) != rows[i].covered)
			fail_msg("no_proxy '%s' and '%s'", rows[i].except, rows[i].target);
		http_proxy_free(p);
	}
}

static void nothing_is_excepted_from_the_setting(void **state)
{
	struct http_proxy *p;

	(void)state;
	surround(NULL, NULL, "*", NULL);
	p = proxy_of("http://cache:3128");
	assert_true(http_proxy_covers(p, "example.com:443"));
	assert_false(http_proxy_covers(p, "unix:/run/authd"));
	assert_false(http_proxy_covers(NULL, "example.com:443"));
	http_proxy_free(p);
}

/* --- what is said ----------------------------------------------------------------------------- */

static void expect_request(const char *setting, const char *target, const char *expected)
{
	struct http_proxy *p = proxy_of(setting);
	struct buf out = { 0 };
	struct err err;

	assert_int_equal(http_proxy_ask(p, target, &out, &err), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_wipe(&out);
	http_proxy_free(p);
}

static void the_request_names_the_target_and_proves_who_asks(void **state)
{
	(void)state;
	expect_request("http://cache:3128", "example.com:443",
	               "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
	expect_request("http://me:pa%3Ass%40@cache:3128", "[2001:db8::1]:443",
	               "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
	               "Proxy-Authorization: Basic bWU6cGE6c3NA\r\n\r\n");
}

static void what_is_no_target_is_not_asked_for(void **state)
{
	static const char *const bad[] = { "", "host", "a:1,b:2", "a b:1", "a\r\nX:1", "a/b:1" };
	struct http_proxy *p = proxy_of("http://cache:3128");
	struct buf out = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(http_proxy_ask(p, bad[i], &out, &err), ERR_INVALID);
	assert_int_equal(out.len, 0);
	http_proxy_free(p);
}

/* Feeds an answer in steps; *out_used counts up to the end of what is the proxy's. */
static int answer(const char *text, size_t step, size_t *out_used, bool *out_through,
                  struct err *err)
{
	struct http1 *h = http_proxy_answer_new();
	size_t len = strlen(text);
	int rc = 0;

	*out_used = 0;
	*out_through = false;
	while (rc == 0 && !*out_through && *out_used < len) {
		size_t more = len - *out_used < step ? len - *out_used : step;
		size_t used;

		rc = http_proxy_answer(h, text + *out_used, more, &used, out_through, err);
		*out_used += used;
	}
	http1_free(h);
	return rc;
}

static void an_answer_of_200_leads_through_however_it_is_cut(void **state)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.0 200 Connection established\r\n\r\n",
		"HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\nVia: x\r\n\r\n",
	};
	struct err err;
	char text[200];
	bool through;
	size_t used;

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		snprintf(text, sizeof(text), "%sfrom the target", heads[i]);
		for (size_t step = 1; step <= strlen(text); step++) {
			assert_int_equal(answer(text, step, &used, &through, &err), 0);
			assert_true(through);
			assert_int_equal(used, strlen(heads[i]));
		}
	}
}

static void a_refusal_is_one_line_with_its_status(void **state)
{
	static const struct {
		const char *text, *message;
		int code;
	} rows[] = {
		{ "HTTP/1.1 403 <b>No</b>\r\nContent-Length: 2\r\n\r\nno",
		  "it refuses (status 403)", ERR_UNAVAILABLE },
		{ "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
		  "it does not accept our user and password, or none (status 407)",
		  ERR_UNAVAILABLE },
		{ "HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n", "it refuses (status 302)",
		  ERR_UNAVAILABLE },
		{ "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		  "it refuses (status 101)", ERR_UNAVAILABLE },
		{ "SSH-2.0-x\r\n\r\n", NULL, ERR_INVALID },
		{ "HTTP/1.1 200 OK\n\n", NULL, ERR_INVALID },
		{ "HTTP/1.1 20 OK\r\n\r\n", NULL, ERR_INVALID },
	};
	struct err err;
	bool through;
	size_t used;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(answer(rows[i].text, 1000, &used, &through, &err), rows[i].code);
		assert_false(through);
		if (rows[i].message != NULL)
			assert_string_equal(err.msg, rows[i].message);
		else
			assert_memory_equal(err.msg, "read its answer: ", 17);
	}
}

static void an_answer_is_bounded(void **state)
{
	char line[2000] = "HTTP/1.1 200 OK\r\n";
	struct http1 *h = http_proxy_answer_new();
	size_t used, all = 0;
	struct err err;
	bool through;
	int rc;

	(void)state;
	rc = http_proxy_answer(h, line, strlen(line), &used, &through, &err);
	memset(line, 'a', sizeof(line));
	memcpy(line, "x: ", 3);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	for (; rc == 0 && all < 1000000; all += sizeof(line))
		rc = http_proxy_answer(h, line, sizeof(line), &used, &through, &err);
	assert_int_equal(rc, ERR_LIMIT);
	assert_in_range(all, 1, 20000);
	http1_free(h);
}

static int clean_env(void **state)
{
	(void)state;
	surround(NULL, NULL, NULL, NULL);
	return 0;
}

#define env_test(f) cmocka_unit_test_setup(f, clean_env)

int main(void)
{
	const struct CMUnitTest tests[] = {
		env_test(the_setting_counts_before_the_environment),
		env_test(the_address_is_read_out_of_the_url),
		env_test(what_is_no_such_url_is_refused_without_a_word_of_it),
		env_test(the_environment_excepts_names_below_names_addresses_and_all),
		env_test(nothing_is_excepted_from_the_setting),
		env_test(the_request_names_the_target_and_proves_who_asks),
		env_test(what_is_no_target_is_not_asked_for),
		env_test(an_answer_of_200_leads_through_however_it_is_cut),
		env_test(a_refusal_is_one_line_with_its_status),
		env_test(an_answer_is_bounded),
	};

	return unit_run(tests);
}

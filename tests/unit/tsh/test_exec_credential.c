#include "tsh/exec_credential.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define V1      "client.authentication.k8s.io/v1"
#define V1BETA1 "client.authentication.k8s.io/v1beta1"

static void the_answer_has_the_version_of_the_question(void **state)
{
	static const struct {
		const char *info;
		const char *version;
	} rows[] = {
		{ NULL, V1BETA1 },
		{ "", V1BETA1 },
		{ "{\"apiVersion\":\"" V1BETA1 "\",\"kind\":\"ExecCredential\","
		  "\"spec\":{\"interactive\":false}}",
		  V1BETA1 },
		{ "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\"}\n", V1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *version = NULL;
		struct err err = { 0 };

		if (exec_credential_version(rows[i].info, &version, &err) != 0)
			fail_msg("row %zu: %s", i, err.msg);
		assert_string_equal(version, rows[i].version);
	}
}

static void other_versions_and_no_questions_are_refused(void **state)
{
	static const struct {
		const char *info;
		int code;
	} rows[] = {
		{ "{\"apiVersion\":\"client.authentication.k8s.io/v1alpha1\"}", ERR_UNSUPPORTED },
		{ "{\"apiVersion\":\"client.authentication.k8s.io/v2\"}", ERR_UNSUPPORTED },
		{ "{\"apiVersion\":1}", ERR_UNSUPPORTED },
		{ "{}", ERR_UNSUPPORTED },
		{ "[]", ERR_UNSUPPORTED },
		{ "{", ERR_INVALID },
		{ "v1", ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *version = NULL;
		struct err err = { 0 };

		if (exec_credential_version(rows[i].info, &version, &err) != rows[i].code)
			fail_msg("'%s' gives %d: %s", rows[i].info, err.code, err.msg);
		assert_null(version);
		assert_non_null(strstr(err.msg, "KUBERNETES_EXEC_INFO"));
	}
}

static void the_answer_is_one_line_of_json_with_whole_seconds(void **state)
{
	const struct exec_credential c = {
		.version = V1, .certificate = "CERT\n", .key = "KEY\n", .expires = 1900000000999
	};
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(exec_credential_write(&c, &out, &err), 0);
	assert_string_equal(buf_str(&out),
	                    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{"
	                    "\"expirationTimestamp\":\"2030-03-17T17:46:40Z\","
	                    "\"clientCertificateData\":\"CERT\\n\","
	                    "\"clientKeyData\":\"KEY\\n\"}}");
	buf_wipe(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_has_the_version_of_the_question),
		cmocka_unit_test(other_versions_and_no_questions_are_refused),
		cmocka_unit_test(the_answer_is_one_line_of_json_with_whole_seconds),
	};

	return unit_run(tests);
}

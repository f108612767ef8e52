#include "tctl/authority_text.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/unit/unit.h"

#include <string.h>

#define KEY                                                                           \
	"ecdsa-sha2-nistp256 "                                                        \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEAmIHfwp6hU77HUnHIW7Q/" \
	"zf2GkHjicFvMuTKFLz4Ah9VP73ixg+D4icwYuymSkTW0JSoK8Pctkl/iP5ch4vnE="

static int text(const char *type_name, const char *ca_type, const char *cluster, const char *key,
                struct buf *out, struct err *err)
{
	pv_SshKeyPair pair = { .public_key = (char *)key };
	const pv_CertAuthoritySpec ca = {
		.type = (char *)ca_type,
		.cluster_name = (char *)cluster,
		.active_keys = { .ssh_count = 1, .ssh = &pair },
	};
	const struct authority_type *type;

	assert_int_equal(authority_type_find(type_name, &type, err), 0);
	return authority_text(type, &ca, out, err);
}

static void openssh_gets_a_line_per_key(void **state)
{
	struct buf out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(text("user", "user", "example.com", KEY " old comment", &out, &err), 0);
	assert_string_equal(buf_str(&out),
	                    "cert-authority " KEY " clustername=example.com&type=user\n");
	buf_clear(&out);
	assert_int_equal(text("host", "host", "example.com", KEY, &out, &err), 0);
	assert_string_equal(buf_str(&out), "@cert-authority *.example.com " KEY
	                                   " clustername=example.com&type=host\n");
	buf_deinit(&out);
}

/* These lines end up in files that say whom to trust. */
static void what_authd_sends_cannot_add_lines(void **state)
{
	static const char *const keys[] = { "", "nonsense", KEY "\n@cert-authority * " KEY };
	struct buf out = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_not_equal(text("host", "host", "c", keys[i], &out, &err), 0);
	assert_int_equal(text("host", "host", "c *", KEY, &out, &err), ERR_CORRUPT);
	assert_int_equal(text("host", "host", "c\nx", KEY, &out, &err), ERR_CORRUPT);
	assert_int_equal(text("host", "host", NULL, KEY, &out, &err), ERR_CORRUPT);
	buf_deinit(&out);
}

static void types_go_by_name(void **state)
{
	const struct authority_type *type;
	struct err err;

	(void)state;
	assert_int_equal(authority_type_find("tls-host", &type, &err), 0);
	assert_true(type->tls);
	assert_string_equal(type->ca, "host");
	assert_int_equal(authority_type_find("jwt", &type, &err), ERR_INVALID);
	assert_string_equal(err.msg, "--type: 'jwt' is not one of user, host, tls-user, tls-host");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssh_gets_a_line_per_key),
		cmocka_unit_test(what_authd_sends_cannot_add_lines),
		cmocka_unit_test(types_go_by_name),
	};

	return unit_run(tests);
}

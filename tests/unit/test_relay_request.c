#include "tunnel/relay_request.h"

#include "base/buf.h"
#include "base/err.h"
#include "tunnel/tunnel.h"

#include "tests/unit/unit.h"

#include <string.h>

#define AGENT "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"

static void append(struct buf *out, const char *agent, const char *service)
{
	const pv_RelayRequest r = { (char *)(uintptr_t)agent, (char *)(uintptr_t)service };
	struct err err = { 0 };

	if (relay_request_append(&r, out, &err) != 0)
		fail_msg("%s", err.msg);
}

static void what_was_asked_is_read_back(void **state)
{
	pv_RelayRequest r;
	struct buf bytes = { 0 };
	struct err err = { 0 };
	size_t used, len;

	(void)state;
	append(&bytes, AGENT, "10.0.0.7:5432");
	len = bytes.len;
	buf_append(&bytes, "POSTERN1", 8);
	for (size_t some = 0; some < len; some++) {
		assert_int_equal(relay_request_parse(bytes.data, some, &r, &used, &err), 0);
		assert_int_equal(used, 0);
	}
	assert_int_equal(relay_request_parse(bytes.data, bytes.len, &r, &used, &err), 0);
	assert_int_equal(used, len);
	assert_string_equal(r.agent_id, AGENT);
	assert_string_equal(r.service, "10.0.0.7:5432");
	relay_request_release(&r);
	buf_deinit(&bytes);
}

static void what_names_no_agent_or_no_service_is_refused(void **state)
{
	char longest[TUNNEL_SERVICE_SIZE + 1];
	const struct {
		const char *agent, *service, *said;
	} cases[] = {
		{ NULL, "node", "an agent's id is no UUID" },
		{ "gate", "node", "an agent's id is no UUID" },
		{ AGENT "1", "node", "an agent's id is no UUID" },
		{ AGENT, NULL, "no service was named" },
		{ AGENT, "", "no service was named" },
		{ AGENT, "no de", "no service was named" },
		{ AGENT, "node\r\nx: y", "no service was named" },
		{ AGENT,
		  "n\xc3\xb6"
		  "de",
		  "no service was named" },
		{ AGENT, longest, "no service was named" },
	};

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[TUNNEL_SERVICE_SIZE] = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pv_RelayRequest r;
		struct buf bytes = { 0 };
		struct err err = { 0 };
		size_t used;

		append(&bytes, cases[i].agent, cases[i].service);
		assert_int_equal(relay_request_parse(bytes.data, bytes.len, &r, &used, &err),
		                 ERR_INVALID);
		assert_string_equal(err.msg, cases[i].said);
		buf_deinit(&bytes);
	}
}

static void what_is_too_long_is_not_waited_for(void **state)
{
	static const uint8_t head[] = { 0, 0, 4, 1 };
	pv_RelayRequest r;
	struct err err = { 0 };
	size_t used;

	(void)state;
	assert_int_equal(relay_request_parse(head, sizeof(head), &r, &used, &err), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_is_read_back),
		cmocka_unit_test(what_names_no_agent_or_no_service_is_refused),
		cmocka_unit_test(what_is_too_long_is_not_waited_for),
	};

	return unit_run(tests);
}

#include "crypto/clienthello.h"

#include "tests/unit/tls_world.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What our own client sends first. */
static uint8_t *first_bytes(const struct world *w, const char *host, size_t *len)
{
	struct tls *client = open_tls(&w->client_spec, host);
	uint8_t *bytes;
	struct err err;

	assert_int_equal(tls_handshake(client, &err), 0);
	bytes = tls_take_output(client, len);
	tls_free(client);
	return bytes;
}

static void name_and_protocols_are_read(void **state)
{
	static const char *const alpn[] = { "postern-stream/1", "h2", NULL };
	struct world *w = *state;
	struct clienthello hello;
	struct err err;
	uint8_t *bytes;
	size_t len;

	w->client_spec.alpn = alpn;
	bytes = first_bytes(w, "Auth.Example.Com", &len);
	assert_int_equal(clienthello_parse(bytes, len, &hello, &err), 0);
	assert_string_equal(hello.server_name, "auth.example.com");
	assert_int_equal(hello.alpn_count, 2);
	assert_string_equal(hello.alpn[0], "postern-stream/1");
	assert_string_equal(hello.alpn[1], "h2");
	free(bytes);
}

static void a_client_that_names_an_address_asks_for_no_name(void **state)
{
	struct clienthello hello;
	struct err err;
	size_t len;
	uint8_t *bytes = first_bytes(*state, "10.1.2.3", &len);

	assert_int_equal(clienthello_parse(bytes, len, &hello, &err), 0);
	assert_string_equal(hello.server_name, "");
	assert_int_equal(hello.alpn_count, 0);
	free(bytes);
}

static void a_part_of_it_asks_for_more(void **state)
{
	struct clienthello hello;
	struct err err;
	size_t len;
	uint8_t *bytes = first_bytes(*state, "auth.example.com", &len);

	for (size_t part = 0; part < len; part++)
		assert_int_equal(clienthello_parse(bytes, part, &hello, &err), ERR_UNAVAILABLE);
	free(bytes);
}

static void other_protocols_are_refused_at_once(void **state)
{
	static const char *const others[] = { "S", "SSH-2.0-x", "GET /", "\x16\x02",
		                              "\x15\x03\x01" };
	struct clienthello hello;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(clienthello_parse((const uint8_t *)others[i], strlen(others[i]),
		                                   &hello, &err),
		                 ERR_INVALID);
}

/* A shorter length anywhere inside must be noticed, never read over. */
static void broken_lengths_are_refused(void **state)
{
	struct clienthello hello;
	struct err err;
	size_t len;
	uint8_t *bytes = first_bytes(*state, "auth.example.com", &len);

	for (size_t cut = 1; cut < len - 5; cut++) {
		size_t record = len - 5 - cut;

		bytes[3] = (uint8_t)(record >> 8);
		bytes[4] = (uint8_t)record;
		assert_int_equal(clienthello_parse(bytes, len - cut, &hello, &err), ERR_INVALID);
	}
	free(bytes);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(name_and_protocols_are_read), T(a_client_that_names_an_address_asks_for_no_name),
		T(a_part_of_it_asks_for_more),  T(other_protocols_are_refused_at_once),
		T(broken_lengths_are_refused),
	};

	return unit_run(tests);
}

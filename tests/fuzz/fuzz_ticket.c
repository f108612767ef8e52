/* Tickets as clients send them, and saved ticket keys. */
#include "crypto/ticket.h"

#include "base/clock.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ticket_context context = { .service = "authd" };
	struct ticket_keys *keys;
	struct clock_fake clock;
	uint8_t *out = malloc(size + 1);
	struct err err;
	size_t len;

	clock_fake_init(&clock, 1);
	if (out == NULL || ticket_keys_new(&clock.clock, 1000, &keys, &err) != 0)
		abort();
	ticket_keys_load(keys, data, size, &err);
	ticket_open(keys, &context, data, size, out, &len, &err);
	ticket_keys_unref(keys);
	free(out);
	return 0;
}

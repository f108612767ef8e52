#include "wire/http1.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* Reads messages until something is wrong; returns how many bytes belonged to whole ones. */
static size_t read_all(enum http1_kind kind, const uint8_t *data, size_t size, size_t step)
{
	static const struct http1_limits limits = { 256, 1024, 8, 4096 };
	struct http1 *h = http1_new(kind, &limits);
	struct err err = { 0 };
	size_t whole = 0;
	size_t at = 0;
	size_t used;

	while (h != NULL && at < size) {
		size_t len = size - at < step ? size - at : step;

		if (http1_feed(h, data + at, len, &used, &err) != 0)
			break;
		at += used;
		assert(used == len || http1_state(h) == HTTP1_DONE);
		if (http1_state(h) != HTTP1_DONE)
			continue;
		assert(http1_message(h)->body_len <= limits.body_max);
		http1_header(http1_message(h), "host");
		whole = at;
		http1_next(h);
	}
	if (h != NULL)
		http1_eof(h, &err);
	http1_free(h);
	return whole;
}

/* However the bytes are cut, the messages are the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum http1_kind kind = HTTP1_REQUEST; kind <= HTTP1_RESPONSE; kind++)
		assert(read_all(kind, data, size, size) == read_all(kind, data, size, 1));
	return 0;
}

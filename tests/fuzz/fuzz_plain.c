/* plain on any terminal output: bounded, and the same in whatever pieces it comes. */
#include "record/plain.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void run(const uint8_t *data, size_t size, size_t piece, struct buf *out)
{
	struct plain *p = plain_new();

	for (size_t at = 0; p != NULL && at < size; at += piece)
		plain_feed(p, data + at, size - at < piece ? size - at : piece, out);
	if (p != NULL)
		plain_end(p, out);
	plain_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, pieces = { 0 };

	run(data, size, size + 1, &whole);
	run(data, size, 3, &pieces);
	assert(whole.len == pieces.len);
	assert(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
	buf_deinit(&whole);
	buf_deinit(&pieces);
	return 0;
}

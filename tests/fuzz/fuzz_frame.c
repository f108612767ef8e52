/* frame_reader on any bytes: it never reads beyond them, and what it calls good stays good. */
#include "record/frame.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>

static int count(const uint8_t *data, size_t size, size_t piece, uint64_t *out_good)
{
	struct frame_reader r;
	const pv_Frame *f = NULL;
	struct err err = { 0 };
	int frames = 0;

	frame_reader_init(&r);
	for (size_t at = 0; at < size; at += piece) {
		if (frame_reader_feed(&r, data + at, size - at < piece ? size - at : piece, &err) !=
		    0)
			break;
		while (frame_reader_next(&r, &f, &err) == 0 && f != NULL)
			frames++;
	}
	*out_good = r.good;
	frame_reader_deinit(&r);
	return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t good, again;
	int frames = count(data, size, size + 1, &good);

	assert(good <= size);
	assert(count(data, (size_t)good, 7, &again) == frames && again == good);
	return 0;
}

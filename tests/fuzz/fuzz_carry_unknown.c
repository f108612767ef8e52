/* Any two byte strings as old and new record; a result must be a message whenever the new one
 * was, with the same known fields. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "proto/resource.fields.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t split = size > 0 ? data[0] * (size - 1) / 255 : 0;
	const uint8_t *new_data = data + size - split;
	struct buf out = { 0 };
	struct err err;
	pv_Resource before;
	pv_Resource after;

	if (size == 0 || fields_decode(&pv_Resource_table, new_data, split, &before, &err) != 0)
		return 0;
	if (fields_carry_unknown(&pv_Resource_table, data + 1, size - split - 1, new_data, split,
	                         &out, &err) == 0) {
		assert(fields_decode(&pv_Resource_table, out.data, out.len, &after, &err) == 0);
		assert(fields_equal(&pv_Resource_table, &before, &after));
		fields_release(&pv_Resource_table, &after);
	}
	fields_release(&pv_Resource_table, &before);
	buf_deinit(&out);
	return 0;
}

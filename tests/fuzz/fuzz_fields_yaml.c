/* YAML text to a message and back: what is accepted must be written and read again. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "proto/auth.fields.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 };
	struct err err;
	pv_WatchEvent r;
	pv_WatchEvent again;

	if (fields_from_yaml(&pv_WatchEvent_table, "fuzz", data, size, &r, &err) != 0)
		return 0;
	assert(fields_to_yaml(&pv_WatchEvent_table, &r, FIELDS_WITH_SECRETS, &text, &err) == 0);
	if (fields_from_yaml(&pv_WatchEvent_table, "fuzz", text.data, text.len, &again, &err) ==
	    0) { /* texts may have grown beyond a bound */
		assert(fields_equal(&pv_WatchEvent_table, &r, &again));
		fields_release(&pv_WatchEvent_table, &again);
	}
	fields_release(&pv_WatchEvent_table, &r);
	buf_deinit(&text);
	return 0;
}

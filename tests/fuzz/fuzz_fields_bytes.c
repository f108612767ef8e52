/* Protobuf bytes as a peer may send them: what is a message has a JSON and a YAML form, whatever
 * its strings hold, and survives being encoded again. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "proto/resource.fields.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = { 0 };
	struct err err;
	pv_Resource r;
	pv_Resource again;

	if (fields_decode(&pv_Resource_table, data, size, &r, &err) != 0)
		return 0;
	assert(fields_to_json(&pv_Resource_table, &r, 0, &out, &err) == 0);
	assert(fields_to_yaml(&pv_Resource_table, &r, FIELDS_WITH_SECRETS, &out, &err) == 0);
	assert(fields_clone(&pv_Resource_table, &r, &again, &err) == 0);
	assert(fields_equal(&pv_Resource_table, &r, &again));
	fields_release(&pv_Resource_table, &again);
	fields_release(&pv_Resource_table, &r);
	buf_deinit(&out);
	return 0;
}

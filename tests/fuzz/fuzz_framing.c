/* framing_decode on any bytes: bounded, and never more used than there is. */
#include "wire/framing.h"

#include "base/err.h"
#include "wire/fields.h"

#include "proto/dial.fields.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fields_table *const tables[] = { &pv_DialRequest_table,
		                                             &pv_DialResponse_table,
		                                             &pv_SessionJoin_table,
		                                             &pv_JoinFrame_table };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		union {
			pv_DialRequest request;
			pv_DialResponse response;
			pv_SessionJoin join;
			pv_JoinFrame frame;
		} message;
		struct err err = { 0 };
		size_t used = 0;

		if (framing_decode(tables[i], data, size, 4096, &message, &used, &err) != 0 ||
		    used == 0)
			continue;
		assert(used <= size);
		fields_release(tables[i], &message);
	}
	return 0;
}

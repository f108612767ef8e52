/* The bytes of a certificate's extension: an identity that passes can be written again. */
#include "model/identity.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf again = { 0 };
	pv_Identity id;
	struct err err;

	if (identity_decode(&id, data, size, &err) == 0) {
		if (identity_encode(&id, &again, &err) != 0 && err.code != ERR_LIMIT)
			abort();
		identity_deinit(&id);
	}
	if (identity_decode_ssh(&id, (const char *)data, size, &err) == 0)
		identity_deinit(&id);
	buf_deinit(&again);
	return 0;
}

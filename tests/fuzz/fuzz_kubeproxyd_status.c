/* A Status as an API server, or somebody in its place, may write it; and one of ours reads back. */
#include "kubeproxyd/request/status.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = { 0 };
	struct status s;
	struct err err;

	if (status_read(&s, data, size, &err) != 0)
		return 0;
	assert(s.exit_code >= -1 && s.exit_code <= 255 && s.code >= 0 && s.code <= 999);
	status_append(&out, 403, s.message);
	if (out.failed == 0) /* a message that was cut may end in half a character */
		assert(status_read(&s, out.data, out.len, &err) == 0 && s.code == 403);
	buf_deinit(&out);
	return 0;
}

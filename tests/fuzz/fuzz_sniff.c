#include "wire/sniff.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* Once decided, more bytes do not change the answer; and it is decided by SNIFF_MAX. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sniff whole;
	struct sniff part;
	enum sniff_kind kind = sniff(&whole, data, size);

	assert(kind != SNIFF_MORE || size < SNIFF_MAX);
	assert(strlen(whole.server_name) < SNIFF_NAME_SIZE);
	sniff_offers(&whole, "h2");
	if (sniff(&part, data, size / 2) != SNIFF_MORE && part.kind != SNIFF_UNKNOWN)
		assert(part.kind == kind && strcmp(part.server_name, whole.server_name) == 0);
	return 0;
}

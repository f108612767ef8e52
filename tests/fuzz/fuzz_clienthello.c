#include "crypto/clienthello.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clienthello hello;
	struct err err;

	clienthello_parse(data, size, &hello, &err);
	return 0;
}

#include "wire/http_proxy.h"

#include "base/err.h"
#include "wire/http1.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* How many bytes were the proxy's when it led through; 0: it did not. */
static size_t read_all(const uint8_t *data, size_t size, size_t step)
{
	struct http1 *h = http_proxy_answer_new();
	struct err err = { 0 };
	bool through = false;
	size_t at = 0;
	int rc = h != NULL ? 0 : ERR_NOMEM;

	while (rc == 0 && !through && at < size) {
		size_t len = size - at < step ? size - at : step;
		size_t used;

		rc = http_proxy_answer(h, data + at, len, &used, &through, &err);
		at += used;
		assert(rc != 0 || through || used == len);
	}
	assert(!through || (at >= 4 && memcmp(data + at - 4, "\r\n\r\n", 4) == 0));
	assert(rc == 0 || (!through && err.code == rc && strlen(err.msg) > 0));
	http1_free(h);
	return through ? at : 0;
}

/* However a hostile proxy cuts its bytes, it says the same, and its part ends at the same byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	assert(read_all(data, size, size) == read_all(data, size, 1));
	return 0;
}

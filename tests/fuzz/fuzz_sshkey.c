/* Lines, as users paste them: what reads must read again from what is written. */
#include "crypto/sshkey.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = strndup((const char *)data, size);
	struct buf again = { 0 };
	struct sshkey k, copy;
	struct err err;

	if (line != NULL && sshkey_parse_line(line, &k, &err) == 0) {
		sshkey_append_line(&k, &again);
		if (sshkey_parse_line(buf_str(&again), &copy, &err) != 0)
			abort();
		sshkey_deinit(&copy);
		sshkey_deinit(&k);
	}
	buf_deinit(&again);
	free(line);
	return 0;
}

#include "crypto/sshcert.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sshcert c;
	struct err err;

	if (sshcert_parse_blob(data, size, &c, &err) != 0)
		return 0;
	sshcert_verify(&c, &c.ca, 1, 0, &err);
	sshcert_extension(&c, "permit-pty");
	sshcert_deinit(&c);
	return 0;
}

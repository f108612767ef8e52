/* Certificates as peers and people bring them: PEM or DER. */
#include "crypto/x509.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x509 **list;
	struct x509 *c;
	struct err err;
	size_t count;

	if (x509_load(data, size, &c, &err) == 0) {
		x509_is_for_host(x509_info(c), "auth.example.com");
		x509_is_for_host(x509_info(c), "10.1.2.3");
		x509_unref(c);
	}
	if (x509_load_all((const char *)data, size, 4, &list, &count, &err) == 0)
		x509_unref_all(list, count);
	return 0;
}

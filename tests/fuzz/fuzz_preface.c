#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "wire/preface.h"

#include <stdlib.h>

/* With an empty trust nothing may ever verify, whatever the bytes are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct preface_check check = { .target = "node", .now_ms = 1900000000000 };
	pv_PrefacePayload payload;
	struct x509 *signer;
	struct x509_set *trust;
	struct err err = { 0 };
	pv_Preface p;
	size_t used = 0;

	if (preface_parse(data, size, &p, &used, &err) != 0 || used == 0)
		return 0;
	if (x509_set_new(&trust, &err) != 0)
		abort();
	check.trust = trust;
	check.seen = preface_seen_new(8);
	if (preface_verify(&p, &check, &payload, &signer, &err) == 0)
		abort();
	preface_seen_free(check.seen);
	x509_set_unref(trust);
	preface_release(&p);
	return 0;
}

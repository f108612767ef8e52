#include "crypto/pin.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/hex.h"

#include <string.h>

#define PREFIX "sha256:"

int pin_parse(const char *text, struct pin *out, struct err *err)
{
	struct pin pin;
	struct err why;

	if (!str_starts(text, PREFIX) ||
	    hex_decode(text + strlen(PREFIX), pin.sha256, sizeof(pin.sha256), &why) != 0)
		return err_set(err, ERR_INVALID, "'%s' is not a CA pin (sha256: and 64 hex digits)",
		               text);
	*out = pin;
	return 0;
}

char *pin_format(const struct pin *pin, char out[PIN_TEXT_SIZE])
{
	memcpy(out, PREFIX, strlen(PREFIX));
	hex_encode(out + strlen(PREFIX), pin->sha256, sizeof(pin->sha256));
	return out;
}

bool pin_equal(const struct pin *a, const struct pin *b)
{
	return memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

void pin_of_spki(const void *der, size_t len, struct pin *out)
{
	hash_sha256(der, len, out->sha256);
}

#include "base/rand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void rand_bytes(void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort(); /* no kernel that we run on lacks it */
		at += n;
		len -= (size_t)n;
	}
}

uint32_t rand_below(uint32_t bound)
{
	uint32_t limit = UINT32_MAX - UINT32_MAX % bound;
	uint32_t v;

	do {
		rand_bytes(&v, sizeof(v));
	} while (v >= limit);
	return v % bound;
}

int64_t rand_jitter(int64_t ms)
{
	int64_t fifth = ms / 5;

	if (fifth < 1 || fifth > UINT32_MAX / 2 - 1)
		return ms;
	return ms - fifth + rand_below((uint32_t)(2 * fifth + 1));
}

void rand_hex(char *out, size_t len)
{
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte;

		rand_bytes(&byte, 1);
		snprintf(out + 2 * i, 3, "%02x", byte);
	}
}

void rand_uuid(char out[RAND_UUID_SIZE])
{
	uint8_t b[16];

	rand_bytes(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(out, RAND_UUID_SIZE,
	         "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
	         b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
	         b[15]);
}

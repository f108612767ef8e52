/* Any bytes as a received packet: what is valid can be read and copied field by field. */
#include "tests/fuzz/fuzz.h"

#include "ipc/packet.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *copy = malloc(size + 1);
	struct packet p;

	memcpy(text, data, size);
	if (packet_valid(text, size)) {
		packet_begin(&p, copy, size + 1, text);
		for (size_t at = strlen(text) + 1; at < size; at += strlen(text + at) + 1) {
			const char *field = text + at;
			char key[64];

			snprintf(key, sizeof(key), "%.*s", (int)strcspn(field, "="), field);
			if (strlen(key) < sizeof(key) - 1)
				assert(packet_get(text, size, key) != NULL);
			packet_get_number(text, size, key, 0);
			packet_append(&p, field, strlen(field) + 1);
		}
		assert(!p.full && p.len == size && memcmp(copy, text, size) == 0);
	}
	free(text);
	free(copy);
	return 0;
}

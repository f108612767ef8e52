#include "wire/grpc.h"

#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void read_frames(const uint8_t *data, size_t size)
{
	struct grpc_reader r;
	struct err err;
	const uint8_t *message;
	size_t len;
	bool some = true;

	grpc_reader_init(&r, 1000);
	for (size_t at = 0; at < size; at += 7) {
		if (grpc_reader_feed(&r, data + at, size - at < 7 ? size - at : 7, &err) != 0)
			break;
		while (grpc_reader_next(&r, &some, &message, &len, &err) == 0 && some)
			assert(len <= 1000);
	}
	grpc_reader_deinit(&r);
}

static void read_text(const char *text)
{
	struct buf decoded = { 0 };
	struct buf encoded = { 0 };
	struct buf again = { 0 };
	struct err err;
	int64_t ms;

	grpc_content_type(text);
	grpc_method_of(text, "postern.v1.Auth");
	if (grpc_parse_timeout(text, &ms, &err) == 0)
		assert(ms >= 0);
	grpc_decode_message(&decoded, text);
	grpc_encode_message(&encoded, buf_str(&decoded));
	grpc_decode_message(&again, buf_str(&encoded));
	assert(strcmp(buf_str(&decoded), buf_str(&again)) == 0);
	buf_deinit(&decoded);
	buf_deinit(&encoded);
	buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	read_frames(data, size);
	read_text(text);
	free(text);
	return 0;
}

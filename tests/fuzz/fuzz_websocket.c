/* websocket_read on any bytes, cut anywhere: bounded, never more used than there is, and what came
 * out, written anew, is read back the same. */
#include "wire/websocket.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#define MESSAGE_MAX 4096

static void check_again(const struct websocket_event *event)
{
	struct websocket writer, reader;
	struct websocket_event again;
	struct buf wire = { 0 };
	struct err err = { 0 };
	size_t used;

	websocket_init(&writer, WEBSOCKET_CLIENT, NULL);
	websocket_init(&reader, WEBSOCKET_SERVER, NULL);
	websocket_write(&writer, event->kind, event->data, event->len, &wire);
	assert(websocket_read(&reader, wire.data, wire.len, &used, &again, &err) == 0);
	assert(used == wire.len && again.kind == event->kind && again.len == event->len);
	assert(memcmp(again.data, event->data, event->len) == 0);
	buf_deinit(&wire);
	websocket_deinit(&writer);
	websocket_deinit(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct websocket_limits limits = { MESSAGE_MAX, 16 };
	struct websocket_event event;
	struct websocket w;
	struct err err = { 0 };
	size_t step, used;

	if (size == 0)
		return 0;
	websocket_init(&w, data[0] & 1 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, &limits);
	step = 1 + (data[0] >> 1);
	data++;
	size--;
	while (size > 0) {
		size_t n = size < step ? size : step;

		if (websocket_read(&w, data, n, &used, &event, &err) != 0)
			break;
		assert(used <= n && (used == n || event.kind != 0) && event.len <= MESSAGE_MAX);
		if (event.kind != 0 && event.kind != WEBSOCKET_CLOSE)
			check_again(&event);
		data += used;
		size -= used;
	}
	websocket_deinit(&w);
	return 0;
}

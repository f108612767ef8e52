/* spdy_read on any bytes, cut anywhere: bounded, never more used than there is, and its answers
 * are frames that the other side reads. */
#include "wire/spdy.h"

#include "base/buf.h"
#include "base/err.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>

static void check_event(struct spdy *s, const struct spdy_event *event)
{
	struct err err;

	switch (event->kind) {
	case SPDY_OPENED:
		assert(spdy_has(s, event->stream) || event->fin);
		assert(event->headers->count <= SPDY_HEADERS_MAX);
		assert(event->headers->text.len <= SPDY_BLOCK_MAX);
		assert(spdy_reply(s, event->stream, NULL, 0, &err) == 0);
		break;
	case SPDY_DATA:
		spdy_consumed(s, event->stream, event->len);
		if (event->len > 0 && spdy_room(s, event->stream) > 0)
			spdy_send(s, event->stream, event->data, 1, event->fin);
		break;
	case SPDY_RESET:
		assert(!spdy_has(s, event->stream));
		break;
	default:
		break;
	}
}

/* The other side does not know the streams, but it knows frames. */
static void check_output(struct buf *out)
{
	struct spdy *peer = spdy_new(SPDY_CLIENT);
	struct spdy_event event;
	struct err err;
	size_t used;

	while (out->len > 0) {
		assert(spdy_read(peer, out->data, out->len, &used, &event, &err) == 0);
		buf_consume(out, used);
	}
	spdy_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spdy_event event;
	struct spdy *s;
	struct err err;
	size_t step, used;
	bool client;

	if (size == 0)
		return 0;
	client = (data[0] & 1) != 0;
	s = spdy_new(client ? SPDY_CLIENT : SPDY_SERVER);
	step = 1 + (data[0] >> 1);
	data++;
	size--;
	for (uint32_t id, i = 0; client && i < 4; i++)
		assert(spdy_open(s, NULL, 0, &id, &err) == 0);
	while (size > 0) {
		size_t n = size < step ? size : step;

		if (spdy_read(s, data, n, &used, &event, &err) != 0)
			break;
		assert(used <= n && (used == n || event.kind != SPDY_NOTHING));
		check_event(s, &event);
		data += used;
		size -= used;
	}
	if (!client && spdy_output(s)->failed == 0)
		check_output(spdy_output(s));
	spdy_free(s);
	return 0;
}

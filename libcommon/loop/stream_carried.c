#include "loop/stream_carried.h"

#include "loop/stream_private.h"

#include "base/err.h"

int stream_open_carried(uv_loop_t *loop, const struct stream_carrier *carrier, void *carried,
                        const char *peer, struct stream **out, struct err *err)
{
	struct stream *s = stream_new(loop);

	if (s == NULL)
		return err_set_nomem(err);
	s->carrier = carrier;
	s->carried = carried;
	stream_set_peer(s, peer);
	*out = s;
	return 0;
}

void stream_carried_data(struct stream *s, const uint8_t *data, size_t len)
{
	stream_received(s, data, len);
}

void stream_carried_end(struct stream *s)
{
	stream_received_end(s);
}

void stream_carried_out_ended(struct stream *s)
{
	stream_out_ended(s);
}

void stream_carried_drained(struct stream *s)
{
	stream_tell_drained(s);
}

void stream_carried_failed(struct stream *s, const struct err *why)
{
	stream_read_failed(s, why);
}

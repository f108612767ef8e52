#include "rpc/h2_pump.h"

#include "base/buf.h"
#include "base/err.h"
#include "loop/stream.h"
#include "wire/http2.h"

#define GATHER (64u * 1024)
#define MUCH   4096 /* bytes of one frame: there is more behind it, as a rule */

int h2_pump(struct http2 *h, struct stream *s, struct err *err)
{
	struct buf b = { 0 };
	const uint8_t *data;
	size_t len = 1;
	int rc = 0;

	while (len > 0 && !stream_full(s)) {
		rc = http2_send(h, &data, &len, err);
		if (rc != 0)
			break;
		if (b.len == 0 && len >= MUCH)
			buf_reserve(&b, GATHER + len);
		buf_append(&b, data, len);
		if (b.len > 0 && (len == 0 || b.len >= GATHER)) {
			rc = buf_check(&b, err);
			if (rc != 0)
				break;
			stream_write_buf(s, &b);
		}
	}
	buf_deinit(&b);
	return rc;
}

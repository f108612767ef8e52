#include "proxyd/dial_answer.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "loop/stream.h"
#include "proxyd/proxyd.h"
#include "wire/framing.h"
#include "wire/grpc.h"

#include "proto/dial.fields.h"

int dial_answer(const struct proxyd *p, struct stream *s, const pv_DialResponse *response,
                const struct err *why, struct err *err)
{
	pv_DialResponse full = *response;
	struct buf bytes = { 0 };
	int rc;

	full.code = why != NULL ? grpc_from_err(why->code) : 0;
	full.message = why != NULL ? (char *)why->msg : NULL;
	full.server_time = clock_wall_ms(p->clock);
	rc = framing_append(&pv_DialResponse_table, &full, DIAL_ANSWER_MAX, &bytes, err);
	if (rc == 0)
		stream_write_buf(s, &bytes);
	buf_deinit(&bytes);
	return rc;
}

void dial_answer_refuse(const struct proxyd *p, struct stream *s, const pv_DialResponse *response,
                        const struct err *why)
{
	struct err ignored = { 0 };

	dial_answer(p, s, response, why, &ignored);
	stream_close(s);
}

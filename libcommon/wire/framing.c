#include "wire/framing.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "wire/fields.h"

#define LENGTH_SIZE 4

int framing_append(const struct fields_table *t, const void *msg, size_t max, struct buf *out,
                   struct err *err)
{
	struct buf bytes = { 0 };
	int rc = fields_encode(t, msg, &bytes, err);

	if (rc == 0 && bytes.len > max)
		rc = err_set(err, ERR_LIMIT, "a %s of %zu bytes", t->name, bytes.len);
	if (rc == 0) {
		buf_append_u32(out, (uint32_t)bytes.len);
		buf_append(out, bytes.data, bytes.len);
		rc = buf_check(out, err);
	}
	buf_deinit(&bytes);
	return rc;
}

int framing_decode(const struct fields_table *t, const uint8_t *data, size_t len, size_t max,
                   void *out_msg, size_t *out_used, struct err *err)
{
	size_t size;
	int rc;

	*out_used = 0;
	if (len < LENGTH_SIZE)
		return 0;
	size = span_u32_at(data);
	if (size > max)
		return err_set(err, ERR_LIMIT, "a %s of %zu bytes", t->name, size);
	if (len - LENGTH_SIZE < size)
		return 0;
	rc = fields_decode(t, data + LENGTH_SIZE, size, out_msg, err);
	if (rc == 0)
		*out_used = LENGTH_SIZE + size;
	return rc;
}

#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "wire/form.h"

#include <stdlib.h>
#include <string.h>

/* What comes out fits into what went in, and holds no 0 byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf value = { 0 };
	struct buf html = { 0 };
	struct err err = { 0 };

	if (form_get(data, size, "password", &value, &err) == 0) {
		if (value.len > size || strlen(buf_str(&value)) > value.len)
			abort();
		form_append_html(&html, buf_str(&value));
		if (strpbrk(buf_str(&html), "<>\"'") != NULL)
			abort();
	}
	buf_deinit(&value);
	buf_deinit(&html);
	return 0;
}

#include "kubeproxyd/channels/resize.h"

#include "base/err.h"
#include "conf/value.h"
#include "wire/json.h"

#define SIDE_MAX 65535 /* columns or rows, as struct winsize has them */

static bool read_side(const struct value *object, const char *name, unsigned *out)
{
	const struct value *v = value_get(object, name);

	if (v == NULL || v->type != VALUE_INT || v->number < 0 || v->number > SIDE_MAX)
		return false;
	*out = (unsigned)v->number;
	return true;
}

static bool read_object(struct resize *r)
{
	struct value *object = NULL;
	struct err ignored;
	bool good = json_read(r->text, r->len, &object, &ignored) == 0 &&
	            read_side(object, "Width", &r->columns) &&
	            read_side(object, "Height", &r->rows);

	value_free(object);
	return good;
}

static void take(struct resize *r, char c)
{
	if (c == '{') {
		r->len = 0;
		r->skipping = false;
	}
	if (r->len == sizeof(r->text))
		r->skipping = true;
	else
		r->text[r->len++] = c;
}

bool resize_read(struct resize *r, const uint8_t *data, size_t len, size_t *out_used)
{
	for (size_t i = 0; i < len; i++) {
		take(r, (char)data[i]);
		if (data[i] != '}')
			continue;
		if (!r->skipping && read_object(r)) {
			*out_used = i + 1;
			return true;
		}
	}
	*out_used = len;
	return false;
}

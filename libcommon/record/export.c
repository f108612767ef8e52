#include "record/export.h"

#include "base/err.h"
#include "base/str.h"
#include "record/cast.h"
#include "record/frame.h"
#include "record/plain.h"
#include "wire/fields.h"

#include "proto/record.fields.h"

#include <stdbool.h>
#include <stdlib.h>

struct exporter {
	enum export_format format;
	bool started;
	struct plain *plain; /* EXPORT_TEXT */
	struct cast cast;    /* EXPORT_ASCIICAST */
};

static const struct {
	const char *name;
	enum export_format format;
} names[] = {
	{ "raw", EXPORT_RAW },
	{ "text", EXPORT_TEXT },
	{ "json", EXPORT_JSON },
	{ "asciicast", EXPORT_ASCIICAST },
};

int export_format_parse(const char *name, enum export_format *out, struct err *err)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!str_eq(name, names[i].name))
			continue;
		*out = names[i].format;
		return 0;
	}
	return err_set(err, ERR_INVALID, "'%s' is not one of pty, raw, text, json, asciicast",
	               name);
}

struct exporter *export_new(enum export_format format)
{
	struct exporter *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->format = format;
	if (format == EXPORT_TEXT && (e->plain = plain_new()) == NULL) {
		free(e);
		return NULL;
	}
	return e;
}

void export_free(struct exporter *e)
{
	if (e != NULL)
		plain_free(e->plain);
	free(e);
}

static int append_json(const pv_Frame *f, struct buf *out, struct err *err)
{
	int rc = fields_to_json(&pv_Frame_table, f, 0, out, err);

	if (rc == 0)
		buf_append_byte(out, '\n');
	return rc;
}

int export_frame(struct exporter *e, const pv_Frame *f, struct buf *out, struct err *err)
{
	const pb_bytes_array_t *data = frame_data(f);

	if (!e->started && f->which_of != pv_Frame_start_tag)
		return err_set(err, ERR_CORRUPT, "the recording has no start");
	e->started = true;
	if (e->format == EXPORT_JSON)
		return append_json(f, out, err);
	if (e->format == EXPORT_ASCIICAST)
		cast_frame(&e->cast, f, out);
	else if (e->format == EXPORT_TEXT && data != NULL)
		plain_feed(e->plain, data->bytes, data->size, out);
	else if (e->format == EXPORT_RAW && data != NULL)
		buf_append(out, data->bytes, data->size);
	return buf_check(out, err);
}

int export_end(struct exporter *e, struct buf *out, struct err *err)
{
	if (e->format == EXPORT_ASCIICAST)
		cast_end(&e->cast, out);
	else if (e->format == EXPORT_TEXT)
		plain_end(e->plain, out);
	return buf_check(out, err);
}

#include "record/cast.h"

#include "record/frame.h"

#include <stdbool.h>
#include <string.h>

/* --- JSON strings of terminal output, which may hold NUL and control characters --------------- */

static void append_char(struct buf *out, uint32_t c)
{
	if (c == '"' || c == '\\')
		buf_appendf(out, "\\%c", (int)c);
	else if (c == '\n')
		buf_append_str(out, "\\n");
	else if (c == '\r')
		buf_append_str(out, "\\r");
	else if (c < 0x20 || c == 0x7f)
		buf_appendf(out, "\\u%04x", c);
	else
		utf8_append(out, c);
}

static void append_bytes(struct buf *out, struct utf8 *u, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		uint32_t c[2];
		int n = utf8_feed(u, bytes[i], c);

		for (int k = 0; k < n; k++)
			append_char(out, c[k]);
	}
}

static void append_string(struct buf *out, const char *s)
{
	struct utf8 u = { 0 };

	buf_append_byte(out, '"');
	append_bytes(out, &u, s, strlen(s));
	buf_append_byte(out, '"');
}

static const char *or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* --- lines --------------------------------------------------------------------------------- */

static void append_header(struct cast *c, const pv_Frame *f, struct buf *out)
{
	const pv_RecordStart *s = &f->of.start;
	struct buf title = { 0 };

	c->started = c->last = f->time;
	buf_appendf(out, "{\"version\": 2, \"width\": %u, \"height\": %u, \"timestamp\": %lld",
	            s->columns > 0 ? s->columns : 80, s->rows > 0 ? s->rows : 24,
	            (long long)(f->time / 1000));
	if (s->command != NULL && *s->command != 0) {
		buf_append_str(out, ", \"command\": ");
		append_string(out, s->command);
	}
	buf_appendf(&title, "%s: %s@%s", or_empty(s->user), or_empty(s->login),
	            or_empty(s->node_name));
	buf_append_str(out, ", \"title\": ");
	append_string(out, buf_str(&title));
	if (s->term != NULL && *s->term != 0) {
		buf_append_str(out, ", \"env\": {\"TERM\": ");
		append_string(out, s->term);
		buf_append_byte(out, '}');
	}
	buf_append_str(out, "}\n");
	buf_deinit(&title);
}

/* [seconds, "type", "  — time never goes back, whatever the recorder's clock did. */
static void begin_event(struct cast *c, int64_t time, char type, struct buf *out)
{
	int64_t ms;

	if (time > c->last)
		c->last = time;
	ms = c->last - c->started;
	buf_appendf(out, "[%lld.%03d, \"%c\", \"", (long long)(ms / 1000), (int)(ms % 1000), type);
}

static void append_data(struct cast *c, const pv_Frame *f, struct buf *out)
{
	const pb_bytes_array_t *data = frame_data(f);

	begin_event(c, f->time, 'o', out);
	append_bytes(out, &c->utf8, data->bytes, data->size);
	buf_append_str(out, "\"]\n");
}

static void append_participant(struct cast *c, const pv_Frame *f, struct buf *out)
{
	const pv_RecordParticipant *p = &f->of.participant;
	struct utf8 u = { 0 };

	begin_event(c, f->time, 'm', out);
	append_bytes(out, &u, or_empty(p->user), strlen(or_empty(p->user)));
	buf_append_str(out, p->joined ? " joined\"]\n" : " left\"]\n");
}

void cast_frame(struct cast *c, const pv_Frame *f, struct buf *out)
{
	switch (f->which_of) {
	case pv_Frame_start_tag:
		append_header(c, f, out);
		break;
	case pv_Frame_output_tag:
	case pv_Frame_error_output_tag:
		append_data(c, f, out);
		break;
	case pv_Frame_resize_tag:
		begin_event(c, f->time, 'r', out);
		buf_appendf(out, "%ux%u\"]\n", f->of.resize.columns, f->of.resize.rows);
		break;
	case pv_Frame_participant_tag:
		append_participant(c, f, out);
		break;
	default:
		break;
	}
}

void cast_end(struct cast *c, struct buf *out)
{
	if (!utf8_pending(&c->utf8))
		return;
	begin_event(c, c->last, 'o', out);
	append_char(out, UTF8_REPLACEMENT);
	buf_append_str(out, "\"]\n");
	c->utf8 = (struct utf8){ 0 };
}

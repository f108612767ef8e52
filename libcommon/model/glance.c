#include "model/glance.h"

#include "base/err.h"
#include "proto/resource.pb.h"

#include <pb_decode.h>
#include <stdlib.h>

/* Fields of a message, one after the other; a reader takes what it wants of a field's content. */
typedef bool (*field_reader)(struct glance *g, uint32_t tag, pb_istream_t *content);

static bool each_field(struct glance *g, pb_istream_t *in, field_reader read)
{
	pb_wire_type_t type;
	uint32_t tag;
	bool end;

	while (pb_decode_tag(in, &type, &tag, &end)) {
		pb_istream_t content;

		if (type != PB_WT_STRING) {
			if (!pb_skip_field(in, type))
				return false;
			continue;
		}
		if (!pb_make_string_substream(in, &content) || !read(g, tag, &content) ||
		    !pb_close_string_substream(in, &content))
			return false;
	}
	return end;
}

/* Copies a text with a 0 behind it: there is room for all that a record can hold. */
static bool read_text(struct glance *g, pb_istream_t *content, const char **out)
{
	size_t len = content->bytes_left;
	char *at = g->text + g->text_used;

	if (!pb_read(content, (pb_byte_t *)at, len))
		return false;
	at[len] = 0;
	g->text_used += len + 1;
	*out = at;
	return true;
}

/* --- labels ---------------------------------------------------------------------------------- */

static struct label *last_label(struct glance *g)
{
	return &g->items[g->labels.count];
}

/* One whose key or value is missing is filled, and counted, by its readers. */
static bool begin_label(struct glance *g)
{
	size_t room = g->items_room != 0 ? 2 * g->items_room : 32;
	struct label *items;

	if (g->labels.count == g->items_room) {
		items = realloc(g->items, room * sizeof(*items));
		if (items == NULL) {
			g->no_memory = true;
			return false;
		}
		g->items = items;
		g->items_room = room;
	}
	*last_label(g) = (struct label){ NULL, NULL };
	return true;
}

static bool read_entry(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	if (tag == pv_Metadata_LabelsEntry_key_tag)
		return read_text(g, content, &last_label(g)->key);
	if (tag == pv_Metadata_LabelsEntry_value_tag)
		return read_text(g, content, &last_label(g)->value);
	return true;
}

static bool read_metadata(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	struct label *label;

	if (tag != pv_Metadata_labels_tag)
		return true;
	if (!begin_label(g) || !each_field(g, content, read_entry))
		return false;
	label = last_label(g);
	if (label->value == NULL)
		label->value = "";
	g->labels.count += label->key != NULL;
	return true;
}

static bool read_command(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	return tag != pv_CommandLabel_result_tag || read_text(g, content, &last_label(g)->value);
}

static bool read_command_entry(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	if (tag == pv_NodeSpec_CmdLabelsEntry_key_tag)
		return read_text(g, content, &last_label(g)->key);
	if (tag == pv_NodeSpec_CmdLabelsEntry_value_tag)
		return each_field(g, content, read_command);
	return true;
}

static bool read_spec(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	if (tag == pv_NodeSpec_hostname_tag)
		return read_text(g, content, &g->hostname);
	if (tag != pv_NodeSpec_cmd_labels_tag)
		return true;
	if (!begin_label(g) || !each_field(g, content, read_command_entry))
		return false;
	g->labels.count += last_label(g)->key != NULL && last_label(g)->value != NULL;
	return true;
}

/* --- the record ------------------------------------------------------------------------------ */

static bool read_static(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	return tag != pv_Node_metadata_tag || each_field(g, content, read_metadata);
}

static bool read_rest(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	return tag != pv_Node_spec_tag || each_field(g, content, read_spec);
}

/* Twice over the node, for labels of commands count behind the static ones wherever they stand. */
static bool read_resource(struct glance *g, uint32_t tag, pb_istream_t *content)
{
	pb_istream_t again = *content;

	if (tag != pv_Resource_node_tag && tag != pv_Resource_proxy_tag)
		return true;
	return each_field(g, content, read_static) && each_field(g, &again, read_rest);
}

/* No text is longer than what is left of the record, and each takes one byte more. */
static int make_room(struct glance *g, size_t len, struct err *err)
{
	char *text;

	g->text_used = 0;
	if (g->text_room >= 2 * len)
		return 0;
	text = realloc(g->text, 2 * len);
	if (text == NULL)
		return err_set_nomem(err);
	g->text = text;
	g->text_room = 2 * len;
	return 0;
}

int glance_at_node(struct glance *g, const uint8_t *bytes, size_t len, struct err *err)
{
	pb_istream_t in = pb_istream_from_buffer(bytes, len);

	g->hostname = "";
	g->labels.count = 0;
	if (make_room(g, len, err) != 0)
		return err->code;
	g->no_memory = false;
	if (!each_field(g, &in, read_resource))
		return g->no_memory ? err_set_nomem(err)
		                    : err_set(err, ERR_CORRUPT, "not a node's record");
	g->labels.items = g->items;
	return 0;
}

void glance_deinit(struct glance *g)
{
	free(g->items);
	free(g->text);
	*g = (struct glance){ 0 };
}

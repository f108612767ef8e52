#include "model/action.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/predicate_inside.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 2048

struct action {
	struct predicate_node *call; /* log(level, format, ...) */
};

static int check_level(const struct predicate_node *level, struct err *err)
{
	static const char *const levels[] = { "debug", "info", "warn", "warning", "error" };

	for (size_t i = 0; level->op == NODE_TEXT && i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(level->text, levels[i]) == 0)
			return 0;
	return err_set(err, ERR_INVALID, "log: the level is debug, info, warn or error");
}

int action_new(struct action **out, const char *text, struct err *err)
{
	struct action *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return err_set_nomem(err);
	rc = predicate_parse(&a->call, text, PREDICATE_WHERE, PREDICATE_ACTION, err);
	if (rc == 0)
		rc = check_level(a->call->first, err);
	if (rc != 0)
		action_free(a);
	else
		*out = a;
	return rc;
}

void action_free(struct action *a)
{
	if (a == NULL)
		return;
	predicate_node_free(a->call);
	free(a);
}

static void append_value(const struct predicate_value *v, struct buf *line)
{
	if (!v->known || v->type == PREDICATE_TEXT) {
		buf_append_str(line, v->known ? v->text : "?");
		return;
	}
	for (size_t i = 0; i < v->count; i++)
		buf_appendf(line, "%s%s", i > 0 ? " " : "", v->items[i]);
}

static void append_argument(struct predicate_run *run, const struct predicate_node *arg,
                            struct buf *line)
{
	struct predicate_value v;

	if (arg == NULL) {
		buf_append_str(line, "?");
		return;
	}
	predicate_eval(run, arg, &v);
	append_value(&v, line);
	predicate_value_deinit(&v);
}

const char *action_line(const struct action *a, const struct predicate_context *ctx,
                        struct buf *line)
{
	const struct predicate_node *level = a->call->first, *format = level->next;
	const struct predicate_node *arg = format->next;
	struct err ignored;
	struct predicate_run run = { ctx, PREDICATE_STEPS, &ignored };
	struct predicate_value text;

	buf_init(line, LINE_MAX_BYTES);
	predicate_eval(&run, format, &text);
	for (const char *at = text.known ? text.text : "?"; *at != 0; at++) {
		if (*at == '%' && at[1] != 0 && strchr("vsq", at[1]) != NULL) {
			append_argument(&run, arg, line);
			arg = arg != NULL ? arg->next : NULL;
			at++;
		} else {
			buf_append_byte(line, (uint8_t)*at);
		}
	}
	predicate_value_deinit(&text);
	return level->text;
}

/*
 * action - what a rule wants done when it decides: `log("info", "%v reads roles",
 * user.metadata.name)`. Nothing else can be wanted, and the model does nothing itself: it says
 * what the line is.
 */
#ifndef MODEL_ACTION_H
#define MODEL_ACTION_H

struct action;
struct buf;
struct err;
struct predicate_context;

/* ERR_INVALID: not an action. */
int action_new(struct action **out, const char *text, struct err *err);
void action_free(struct action *a);

/* The level ("info") and, appended to `line`, the text, each "%v", "%s" or "%q" in it replaced by
 * the argument whose turn it is, or "?" when that is not known. */
const char *action_line(const struct action *a, const struct predicate_context *ctx,
                        struct buf *line);

#endif

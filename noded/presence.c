#include "noded/presence.h"

#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "daemon/host.h"
#include "loop/child.h"
#include "loop/timer.h"
#include "noded/noded.h"
#include "noded/recheck.h"
#include "noded/tunnel_file.h"
#include "record/utf8.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_MS 10000 /* that one run may take */
#define OUTPUT_MAX 4096
#define VALUE_MAX  1024 /* bytes of a label's value, as authd takes them */

/* A label whose value a command prints. */
struct command {
	struct presence *p;
	const struct noded_command *conf;
	struct timer *next;
	struct child *child; /* NULL: it does not run now */
	char *value;         /* NULL: it has never worked */
	bool tried;
	bool failing;
};

/* Outlives its close until the commands have ended. */
struct presence {
	struct noded *n; /* NULL: closed */
	struct command *commands;
	size_t command_count;
	struct label *labels; /* static ones, then those of commands that have a value */
	struct label_set set;
};

static void free_if_idle(struct presence *p)
{
	if (p->n != NULL)
		return;
	for (size_t i = 0; i < p->command_count; i++)
		if (p->commands[i].child != NULL)
			return;
	for (size_t i = 0; i < p->command_count; i++)
		free(p->commands[i].value);
	free(p->commands);
	free(p->labels);
	free(p);
}

/* --- the record ------------------------------------------------------------------------------ */

/* What of a record is a list; borrows everything. */
struct lists {
	pv_Metadata_LabelsEntry *labels;
	pv_NodeSpec_CmdLabelsEntry *commands;
};

static int lists_fill(struct lists *l, const struct presence *p, struct err *err)
{
	const struct conf_map *labels = &p->n->conf.labels;

	l->labels = calloc(labels->count + 1, sizeof(*l->labels));
	l->commands = calloc(p->command_count + 1, sizeof(*l->commands));
	if (l->labels == NULL || l->commands == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < labels->count; i++) {
		l->labels[i].key = labels->items[i].key;
		l->labels[i].value = labels->items[i].value;
	}
	for (size_t i = 0; i < p->command_count; i++) {
		const struct noded_command *conf = p->commands[i].conf;

		l->commands[i].key = conf->name;
		l->commands[i].has_value = true;
		l->commands[i].value = (pv_CommandLabel){
			.period = conf->period,
			.command = conf->command.items,
			.command_count = (pb_size_t)conf->command.count,
			.result = p->commands[i].value,
		};
	}
	return 0;
}

static int copy_record(const struct presence *p, const struct lists *l, pv_Node *out,
                       struct err *err)
{
	const struct noded_conf *conf = &p->n->conf;
	const char *agent = tunnel_file_agent(p->n->tunnel);
	const pv_Node record = {
		.kind = (char *)(uintptr_t)"node",
		.has_metadata = true,
		.metadata = {
			.labels = l->labels,
			.labels_count = (pb_size_t)conf->labels.count,
		},
		.has_spec = true,
		.spec = {
			.addr = agent == NULL ? conf->advertise : NULL,
			.use_tunnel = agent != NULL,
			.tunnel = (char *)(uintptr_t)agent,
			.public_addrs = conf->public_addrs.items,
			.public_addrs_count = (pb_size_t)conf->public_addrs.count,
			.hostname = conf->hostname,
			.cmd_labels = l->commands,
			.cmd_labels_count = (pb_size_t)p->command_count,
		},
	};

	return fields_clone(&pv_Node_table, &record, out, err);
}

int presence_record(const struct presence *p, pv_Node *out, struct err *err)
{
	struct lists lists = { 0 };
	int rc = lists_fill(&lists, p, err);

	if (rc == 0)
		rc = copy_record(p, &lists, out, err);
	free(lists.labels);
	free(lists.commands);
	return rc;
}

/* --- labels ---------------------------------------------------------------------------------- */

static void collect_labels(struct presence *p)
{
	const struct conf_map *labels = &p->n->conf.labels;
	size_t count = 0;

	for (size_t i = 0; i < labels->count; i++)
		p->labels[count++] = (struct label){ labels->items[i].key, labels->items[i].value };
	for (size_t i = 0; i < p->command_count; i++)
		if (p->commands[i].value != NULL)
			p->labels[count++] =
			        (struct label){ p->commands[i].conf->name, p->commands[i].value };
	p->set = (struct label_set){ p->labels, count };
}

const struct label_set *presence_labels(const struct presence *p)
{
	return &p->set;
}

bool presence_labels_known(const struct presence *p)
{
	for (size_t i = 0; i < p->command_count; i++)
		if (!p->commands[i].tried)
			return false;
	return true;
}

static void on_labels_changed(struct presence *p)
{
	collect_labels(p);
	host_record_changed(p->n->host);
	if (p->n->recheck != NULL)
		recheck_all(p->n->recheck);
}

/* --- commands -------------------------------------------------------------------------------- */

static bool is_text(const char *s, size_t len)
{
	struct utf8 state = { 0 };
	uint32_t chars[2];

	for (size_t i = 0; i < len; i++) {
		int count = utf8_feed(&state, (uint8_t)s[i], chars);

		if (iscntrl((unsigned char)s[i]))
			return false;
		for (int k = 0; k < count; k++)
			if (chars[k] == UTF8_REPLACEMENT)
				return false;
	}
	return !utf8_pending(&state);
}

/* The first line, UTF-8 without blanks around it; malloc'ed. */
static int take_value(const struct child_result *r, char **out, struct err *err)
{
	const char *from = r->output;
	const char *end = from + strcspn(from, "\n");

	while (from < end && isspace((unsigned char)*from))
		from++;
	while (end > from && isspace((unsigned char)end[-1]))
		end--;
	if (end - from > VALUE_MAX)
		return err_set(err, ERR_LIMIT, "printed more than %d bytes", VALUE_MAX);
	if (!is_text(from, (size_t)(end - from)))
		return err_set(err, ERR_INVALID, "printed what is no text");
	*out = strndup(from, (size_t)(end - from));
	return *out != NULL ? 0 : err_set_nomem(err);
}

static void command_failed(struct command *c, const struct err *why)
{
	if (!c->failing)
		log_warn("label not updated", kv("label", c->conf->name), kv("reason", why->msg));
	c->failing = true;
}

static void command_worked(struct command *c, char *take_value)
{
	if (c->failing)
		log_info("label updated again", kv("label", c->conf->name));
	c->failing = false;
	if (str_eq(c->value, take_value)) {
		free(take_value);
		return;
	}
	free(c->value);
	c->value = take_value;
	on_labels_changed(c->p);
}

static void on_command_done(void *owner, const struct child_result *r)
{
	struct command *c = owner;
	struct err err = { 0 };
	char *value;

	c->child = NULL;
	if (c->p->n == NULL) {
		free_if_idle(c->p);
		return;
	}
	c->tried = true;
	timer_once(c->next, rand_jitter(c->conf->period));
	if (child_check(r, c->conf->command.items[0], &err) == 0 &&
	    take_value(r, &value, &err) == 0)
		command_worked(c, value);
	else
		command_failed(c, &err);
}

static int run_command(struct command *c, struct err *err)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		NULL,
	};
	const struct conf_list *command = &c->conf->command;
	const char **argv = calloc(command->count + 1, sizeof(*argv));
	struct child_options options = {
		.argv = argv,
		.env = env,
		.cwd = "/",
		.max_output = OUTPUT_MAX,
		.timeout_ms = COMMAND_MS,
	};
	int rc = 0;

	if (argv == NULL)
		return err_set_nomem(err);
	if (command->count == 0)
		rc = err_set(err, ERR_INVALID, "its command is empty");
	for (size_t i = 0; i < command->count; i++)
		argv[i] = command->items[i];
	if (rc == 0)
		rc = child_start(c->p->n->loop, &options, on_command_done, c, &c->child, err);
	free(argv);
	return rc;
}

static void on_command_due(void *owner)
{
	struct command *c = owner;
	struct err err = { 0 };

	if (run_command(c, &err) == 0)
		return; /* the next run is planned when this one has ended */
	c->tried = true;
	command_failed(c, &err);
	timer_once(c->next, rand_jitter(c->conf->period));
}

/* --- opening --------------------------------------------------------------------------------- */

static int add_commands(struct presence *p, struct err *err)
{
	const struct conf_blocks *blocks = &p->n->conf.commands;
	const struct noded_command *confs = blocks->items;

	p->commands = calloc(blocks->count + 1, sizeof(*p->commands));
	p->labels = calloc(p->n->conf.labels.count + blocks->count + 1, sizeof(*p->labels));
	if (p->commands == NULL || p->labels == NULL)
		return err_set_nomem(err);
	for (size_t i = 0; i < blocks->count; i++) {
		struct command *c = &p->commands[p->command_count++];

		*c = (struct command){ .p = p, .conf = &confs[i] };
		c->next = timer_new(p->n->loop, on_command_due, c);
		if (c->next == NULL)
			return err_set_nomem(err);
		timer_once(c->next, 0);
	}
	return 0;
}

int presence_open(struct noded *n, struct presence **out, struct err *err)
{
	struct presence *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_set_nomem(err);
	p->n = n;
	if (add_commands(p, err) != 0) {
		presence_close(p);
		return err_set_nomem(err);
	}
	collect_labels(p);
	*out = p;
	return 0;
}

void presence_close(struct presence *p)
{
	if (p == NULL)
		return;
	p->n = NULL;
	for (size_t i = 0; i < p->command_count; i++) {
		timer_free(p->commands[i].next);
		child_cancel(p->commands[i].child);
	}
	free_if_idle(p);
}

#include "tctl/tables.h"

#include "base/err.h"
#include "base/str.h"
#include "model/resource.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* --- cells ----------------------------------------------------------------------------------- */

static char *copy(const char *text)
{
	return strdup(text != NULL ? text : "");
}

static char *cell_time(int64_t ms, const char *otherwise)
{
	char text[STR_TIME_SIZE];

	return strdup(ms != 0 ? str_from_time(text, sizeof(text), ms) : otherwise);
}

static char *cell_trait(const pv_UserSpec *spec, const char *name)
{
	for (size_t i = 0; i < spec->traits_count; i++)
		if (str_eq(spec->traits[i].key, name))
			return listing_words(spec->traits[i].value.values,
			                     spec->traits[i].value.values_count);
	return copy("");
}

/* The first `count` cells are there, or memory ran out. */
static int check(char *const *cells, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (cells[i] == NULL)
			return err_set_nomem(err);
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------ */

static int role_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_RoleConditions *allow = &r->of.role.spec.allow;

	cells[0] = copy(resource_name(r));
	cells[1] = listing_words(allow->logins, allow->logins_count);
	cells[2] = copy(r->of.role.metadata.description);
	return check(cells, 3, err);
}

static int user_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_UserSpec *spec = &r->of.user.spec;

	cells[0] = copy(resource_name(r));
	cells[1] = listing_words(spec->roles, spec->roles_count);
	cells[2] = cell_trait(spec, "logins");
	cells[3] =
	        spec->status.is_locked ? cell_time(spec->status.lock_expires, "locked") : copy("");
	return check(cells, 4, err);
}

static int token_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_Token *token = &r->of.token;

	cells[0] = copy(resource_name(r));
	cells[1] = listing_words(token->spec.roles, token->spec.roles_count);
	cells[2] = listing_labels(token->metadata.labels, token->metadata.labels_count);
	cells[3] = copy(token->spec.single_use ? "one host" : "many hosts");
	cells[4] = cell_time(token->metadata.expires, "never");
	return check(cells, 5, err);
}

static char *node_labels(const pv_Node *node)
{
	const pv_NodeSpec *spec = &node->spec;
	char *text = listing_labels(node->metadata.labels, node->metadata.labels_count);

	for (size_t i = 0; text != NULL && i < spec->cmd_labels_count; i++) {
		char *more = str_printf("%s%s%s=%s", text, *text != 0 ? "," : "",
		                        spec->cmd_labels[i].key, spec->cmd_labels[i].value.result);

		free(text);
		text = more;
	}
	return text;
}

/* A proxy is of the same message. */
static int node_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_Node *node = &r->of.node;

	cells[0] = copy(node->spec.hostname);
	cells[1] = copy(resource_name(r));
	cells[2] = copy(node->spec.use_tunnel ? "<- Tunnel" : node->spec.addr);
	cells[3] = node_labels(node);
	return check(cells, 4, err);
}

static int kube_server_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	int rc = node_row(r, cells, err);

	cells[4] = copy(r->of.kube_server.spec.kube_cluster);
	return rc == 0 ? check(cells, 5, err) : rc;
}

static int authority_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_CertAuthoritySpec *spec = &r->of.cert_authority.spec;

	cells[0] = copy(spec->type);
	cells[1] = copy(spec->cluster_name);
	cells[2] = cell_time(spec->rotation.last_rotated, "never");
	return check(cells, 3, err);
}

static char *lock_target(const pv_LockTarget *target)
{
	const struct {
		const char *name;
		const char *value;
	} parts[] = {
		{ "user", target->user },
		{ "role", target->role },
		{ "login", target->login },
		{ "node", target->node },
		{ "access_request", target->access_request },
	};
	char *text = strdup("");

	for (size_t i = 0; text != NULL && i < COUNT(parts); i++) {
		char *more;

		if (str_empty(parts[i].value))
			continue;
		more = str_printf("%s%s%s=%s", text, *text != 0 ? "," : "", parts[i].name,
		                  parts[i].value);
		free(text);
		text = more;
	}
	return text;
}

static int lock_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_LockSpec *spec = &r->of.lock.spec;

	cells[0] = copy(resource_name(r));
	cells[1] = lock_target(&spec->target);
	cells[2] = copy(spec->message);
	cells[3] = cell_time(spec->expires, "never");
	return check(cells, 4, err);
}

static int session_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	const pv_SessionSpec *spec = &r->of.session.spec;

	cells[0] = copy(resource_name(r));
	cells[1] = copy(spec->user);
	cells[2] = copy(spec->login);
	cells[3] = copy(spec->node_name);
	cells[4] = listing_words(spec->participants, spec->participants_count);
	cells[5] = cell_time(spec->started, "");
	cells[6] = cell_time(spec->ended, "live");
	cells[7] = copy(spec->interactive ? "(shell)" : spec->command);
	return check(cells, 8, err);
}

static int any_row(const pv_Resource *r, char *cells[LISTING_COLUMNS_MAX], struct err *err)
{
	cells[0] = copy(resource_kind_of(r)->name);
	cells[1] = copy(resource_name(r));
	return check(cells, 2, err);
}

/* --- the tables ------------------------------------------------------------------------------ */

static const struct {
	const char *kind;
	struct listing_table table;
} tables[] = {
	{ "role", { .titles = { "Role", "Logins", "Description" }, .row = role_row } },
	{ "user", { .titles = { "User", "Roles", "Logins", "Locked until" }, .row = user_row } },
	{ "token",
	  { .titles = { "Token", "Type", "Labels", "Good for", "Expiry Time (UTC)" },
	    .row = token_row } },
	{ "node", { .titles = { "Hostname", "UUID", "Address", "Labels" }, .row = node_row } },
	{ "proxy", { .titles = { "Hostname", "UUID", "Address", "Labels" }, .row = node_row } },
	{ "kube_server",
	  { .titles = { "Hostname", "UUID", "Address", "Labels", "Cluster" },
	    .row = kube_server_row } },
	{ "cert_authority",
	  { .titles = { "Type", "Cluster", "Last rotated" }, .row = authority_row } },
	{ "lock", { .titles = { "ID", "Target", "Message", "Expires" }, .row = lock_row } },
	{ "session",
	  { .titles = { "ID", "User", "Login", "Node", "Participants", "Started", "Ended",
	                "Command" },
	    .row = session_row } },
};

static const struct listing_table any_table = {
	.titles = { "Kind", "Name" },
	.row = any_row,
	.name = 1,
};

const struct listing_table *table_of(const char *kind)
{
	for (size_t i = 0; kind != NULL && i < COUNT(tables); i++)
		if (strcmp(tables[i].kind, kind) == 0)
			return &tables[i].table;
	return &any_table;
}

#include "model/rule.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/role.h"

#include <ctype.h>
#include <string.h>

static const char *const verbs[] = {
	"*",      "list",   "create", "read",   "readnosecrets",       "update",
	"delete", "rotate", "use",    "enroll", "create_enroll_token", "activate",
};

/* Every kind that somebody's roles may name, ours or not yet ours. */
static const char *const kinds[] = {
	"*",
	"access_list",
	"access_plugin_data",
	"access_request",
	"app",
	"app_server",
	"audit_query",
	"auth_connector",
	"auth_server",
	"billing",
	"bot",
	"bot_instance",
	"cert_authority",
	"cluster_alert",
	"cluster_audit_config",
	"cluster_auth_preference",
	"cluster_config",
	"cluster_maintenance_config",
	"cluster_name",
	"cluster_networking_config",
	"connector",
	"db",
	"db_server",
	"db_service",
	"device",
	"download",
	"event",
	"github",
	"github_request",
	"host_cert",
	"installer",
	"instance",
	"integration",
	"kube_cluster",
	"kube_server",
	"kube_service",
	"lock",
	"login_rule",
	"namespace",
	"network_restrictions",
	"node",
	"notification",
	"oidc",
	"oidc_request",
	"plugin",
	"plugin_data",
	"proxy",
	"remote_cluster",
	"reverse_tunnel",
	"role",
	"saml",
	"saml_request",
	"security_report",
	"semaphore",
	"session",
	"session_recording_config",
	"session_tracker",
	"ssh_session",
	"static_tokens",
	"token",
	"trusted_cluster",
	"tunnel_connection",
	"ui_config",
	"usage_event",
	"user",
	"web_session",
	"web_token",
	"windows_desktop",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool known(const char *word, const char *const *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, table[i]) == 0)
			return true;
	return false;
}

/* The one condition, however its blanks are set. */
static bool where_is_participant(const char *where)
{
	const char *want = "contains(session.participants,user.metadata.name)";

	for (; *where != 0; where++) {
		if (isspace((unsigned char)*where))
			continue;
		if (*where != *want)
			return false;
		want++;
	}
	return *want == 0;
}

int rule_check(const pv_Rule *rule, struct err *err)
{
	if (rule->resources_count == 0)
		return err_set(err, ERR_INVALID, "resources are missing");
	if (rule->verbs_count == 0)
		return err_set(err, ERR_INVALID, "verbs are missing");
	for (size_t i = 0; i < rule->resources_count; i++)
		if (!known(rule->resources[i], kinds, COUNT(kinds)))
			return err_set(err, ERR_INVALID, "resources: '%s' is not a kind",
			               rule->resources[i]);
	for (size_t i = 0; i < rule->verbs_count; i++)
		if (!known(rule->verbs[i], verbs, COUNT(verbs)))
			return err_set(err, ERR_INVALID, "verbs: '%s' is not a verb",
			               rule->verbs[i]);
	if (!str_empty(rule->where) && !where_is_participant(rule->where))
		return err_set(err, ERR_UNSUPPORTED,
		               "where: only contains(session.participants, user.metadata.name) is "
		               "supported");
	if (rule->actions_count != 0)
		return err_set(err, ERR_UNSUPPORTED, "actions are not supported");
	return 0;
}

static bool names(const pv_Rule *rule, const char *kind, const char *verb)
{
	if (!str_in(kind, rule->resources, rule->resources_count) &&
	    !str_in("*", rule->resources, rule->resources_count))
		return false;
	if (str_in(verb, rule->verbs, rule->verbs_count) ||
	    str_in("*", rule->verbs, rule->verbs_count))
		return true;
	return strcmp(verb, "readnosecrets") == 0 && str_in("read", rule->verbs, rule->verbs_count);
}

static bool holds(const pv_Rule *rule, const struct role_context *context, bool if_unknown)
{
	if (str_empty(rule->where))
		return true;
	if (!where_is_participant(rule->where))
		return if_unknown;
	if (context == NULL || context->user == NULL)
		return if_unknown;
	return str_in(context->user, context->participants, context->participants_count);
}

static bool any(const pv_Rule *rules, size_t count, const char *kind, const char *verb,
                const struct role_context *context, bool if_unknown)
{
	for (size_t i = 0; i < count; i++)
		if (names(&rules[i], kind, verb) && holds(&rules[i], context, if_unknown))
			return true;
	return false;
}

bool rule_allows(const pv_Rule *rules, size_t count, const char *kind, const char *verb,
                 const struct role_context *context)
{
	return any(rules, count, kind, verb, context, false);
}

bool rule_denies(const pv_Rule *rules, size_t count, const char *kind, const char *verb,
                 const struct role_context *context)
{
	return any(rules, count, kind, verb, context, true);
}

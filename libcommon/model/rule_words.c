#include "model/rule_words.h"

#include <stddef.h>
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

bool rule_knows_kind(const char *kind)
{
	return known(kind, kinds, COUNT(kinds));
}

bool rule_knows_verb(const char *verb)
{
	return known(verb, verbs, COUNT(verbs));
}

/* resource_kind - the table of kinds: see resource.h. */
#include "model/resource.h"

#include "model/validate.h"

#include "proto/resource.fields.h"

#include <string.h>
#include <strings.h>

#define SSO "single sign-on is not there yet"

static const struct resource_kind kinds[] = {
	{ "role", "/roles/", "roles", pv_Resource_role_tag, "v7", "v3 v4 v5 v6 v7",
	  .writable = true, .table = &pv_Role_table, .validate = validate_role },
	{ "user", "/users/", "users", pv_Resource_user_tag, "v2", "v2", .writable = true,
	  .table = &pv_User_table, .validate = validate_user },
	{ "token", "/tokens/", "tokens", pv_Resource_token_tag, "v2", "v1 v2", .writable = true,
	  .table = &pv_Token_table, .validate = validate_token },
	{ "lock", "/locks/", "locks", pv_Resource_lock_tag, "v2", "v2", .writable = true,
	  .table = &pv_Lock_table, .validate = validate_lock },

	{ "cluster_auth_preference", "/settings/auth/", "cap cluster_auth_preferences",
	  pv_Resource_cluster_auth_preference_tag, "v2", "v2", .writable = true,
	  .singleton = "cluster-auth-preference", .table = &pv_ClusterAuthPreference_table,
	  .validate = validate_auth_preference },
	{ "cluster_networking_config", "/settings/networking/",
	  "networking_config netconfig cluster_networking_configs",
	  pv_Resource_cluster_networking_config_tag, "v2", "v2", .writable = true,
	  .singleton = "cluster-networking-config", .table = &pv_ClusterNetworkingConfig_table,
	  .validate = validate_networking },
	{ "session_recording_config", "/settings/recording/",
	  "recording_config session_recording_configs", pv_Resource_session_recording_config_tag,
	  "v2", "v2", .writable = true, .singleton = "session-recording-config",
	  .table = &pv_SessionRecordingConfig_table },
	{ "cluster_name", "/settings/name/", "", pv_Resource_cluster_name_tag, "v2", "v2",
	  .singleton = "cluster-name", .table = &pv_ClusterName_table,
	  .validate = validate_cluster_name },

	{ "github", "/connectors/github/", "", pv_Resource_github_tag, "v3", "v3", .writable = true,
	  .later = SSO, .table = &pv_Github_table, .validate = validate_github },
	{ "oidc", "/connectors/oidc/", "", pv_Resource_oidc_tag, "v3", "v2 v3", .writable = true,
	  .later = SSO, .table = &pv_Oidc_table, .validate = validate_oidc },
	{ "access_request", "/access_requests/", "access_requests request requests",
	  pv_Resource_access_request_tag, "v3", "v3", .writable = true,
	  .table = &pv_AccessRequest_table, .validate = validate_access_request },

	{ "trusted_cluster", "/trusted_clusters/", "trusted_clusters tc cluster clusters",
	  pv_Resource_trusted_cluster_tag, "v2", "v2", .writable = true,
	  .table = &pv_TrustedCluster_table, .validate = validate_trusted_cluster },
	{ "remote_cluster", "/remote_clusters/", "remote_clusters rc",
	  pv_Resource_remote_cluster_tag, "v3", "v3", .writable = true,
	  .table = &pv_RemoteCluster_table },
	{ "reverse_tunnel", "/reverse_tunnels/", "reverse_tunnels tunnel tunnels rts",
	  pv_Resource_reverse_tunnel_tag, "v2", "v2", .writable = true,
	  .table = &pv_ReverseTunnel_table, .validate = validate_reverse_tunnel },
	{ "tunnel_connection", "/tunnel_connections/", "tunnel_connections",
	  pv_Resource_tunnel_connection_tag, "v2", "v2", .table = &pv_TunnelConnection_table,
	  .validate = validate_tunnel_connection },

	{ "cert_authority", "/authorities/", "cert_authorities ca cas",
	  pv_Resource_cert_authority_tag, "v2", "v2", .sub_kinds = true,
	  .table = &pv_CertAuthority_table, .validate = validate_cert_authority },
	{ "node", "/nodes/", "nodes", pv_Resource_node_tag, "v2", "v2", .table = &pv_Node_table,
	  .validate = validate_node },
	{ "proxy", "/proxies/", "proxies", pv_Resource_proxy_tag, "v2", "v2",
	  .table = &pv_Node_table, .validate = validate_node },
	{ "auth_server", "/auth_servers/", "auth_servers auth auths", pv_Resource_auth_server_tag,
	  "v2", "v2", .table = &pv_Node_table, .validate = validate_node },
	{ "kube_server", "/kube_servers/", "kube_servers kube kubes", pv_Resource_kube_server_tag,
	  "v2", "v2", .table = &pv_Node_table, .validate = validate_kube_server },
	{ "session", "/sessions/", "sessions", pv_Resource_session_tag, "v2", "v2",
	  .table = &pv_Session_table, .validate = validate_session },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Teleport's, of products and ways that are not here. */
static const char foreign[] =
        "saml saml_idp_service_provider app app_server apps db db_server dbs database "
        "kube_cluster kube_service kube_clusters windows_desktop win desktop "
        "windows_desktop_service bot bots bot_instance device devices installer namespace ns "
        "semaphore sem semaphores static_tokens cluster_config session_tracker plugin plugin_data "
        "web_session host_cert access_list access_lists acl login_rule network_restrictions "
        "ui_config static_host_user server_info autoupdate_config autoupdate_version integration "
        "okta_import_rule discovery_config audit_query security_report workload_identity "
        "health_check_config connector";

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; *at != 0; at += strcspn(at, " "), at += strspn(at, " "))
		if (strcspn(at, " ") == len && strncasecmp(at, word, len) == 0)
			return true;
	return false;
}

const struct resource_kind *resource_kind_find(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcasecmp(kinds[i].name, name) == 0 || has_word(kinds[i].aliases, name))
			return &kinds[i];
	return NULL;
}

bool resource_kind_is_foreign(const char *name)
{
	return has_word(foreign, name);
}

const struct resource_kind *resource_kind_next(const struct resource_kind *at)
{
	if (at == NULL)
		return &kinds[0];
	return at + 1 < kinds + KINDS ? at + 1 : NULL;
}

const struct resource_kind *resource_kind_of(const pv_Resource *r)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].tag == r->which_of)
			return &kinds[i];
	return NULL;
}

bool resource_kind_is_host(const struct resource_kind *kind)
{
	return kind->tag == pv_Resource_node_tag || kind->tag == pv_Resource_proxy_tag ||
	       kind->tag == pv_Resource_kube_server_tag;
}

bool resource_kind_knows(const struct resource_kind *kind, const char *version)
{
	return has_word(kind->versions, version);
}

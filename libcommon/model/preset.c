#include "model/preset.h"

#include "base/err.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <string.h>

static const char *const presets[PRESET_ROLES] = {
	"metadata:\n"
	"  name: access\n"
	"  description: Reach every node and Kubernetes cluster as one's own traits say\n"
	"spec:\n"
	"  options: {forward_agent: true, port_forwarding: true, max_session_ttl: 30h}\n"
	"  allow:\n"
	"    logins: ['{{internal.logins}}']\n"
	"    node_labels: {'*': '*'}\n"
	"    kubernetes_labels: {'*': '*'}\n"
	"    kubernetes_users: ['{{internal.kubernetes_users}}']\n"
	"    kubernetes_groups: ['{{internal.kubernetes_groups}}']\n"
	"    kubernetes_resources: [{kind: '*', namespace: '*', name: '*', verbs: ['*']}]\n"
	"    rules:\n"
	"    - resources: [event, instance, cluster_maintenance_config]\n"
	"      verbs: [list, read]\n"
	"    - resources: [session]\n"
	"      verbs: [list, read]\n"
	"      where: contains(session.participants, user.metadata.name)\n",

	"metadata:\n"
	"  name: editor\n"
	"  description: Manage users, roles and the cluster\n"
	"spec:\n"
	"  options: {max_session_ttl: 30h, forward_agent: true, port_forwarding: true}\n"
	"  allow:\n"
	"    rules:\n"
	"    - resources: [user, role, bot, oidc, oidc_request, saml, saml_request, github,\n"
	"                  github_request, cluster_audit_config, cluster_auth_preference,\n"
	"                  auth_connector, cluster_name, cluster_networking_config,\n"
	"                  session_recording_config, ui_config, trusted_cluster, remote_cluster,\n"
	"                  token, lock, node, proxy, app_server, db_server, installer, "
	"integration,\n"
	"                  device, access_list, plugin, reverse_tunnel]\n"
	"      verbs: [list, create, read, update, delete]\n"
	"    - {resources: [integration], verbs: [use]}\n"
	"    - {resources: [device], verbs: [create_enroll_token, enroll]}\n"
	"    - {resources: [instance, db_service], verbs: [list, read]}\n"
	"    - {resources: [session], verbs: [list, read, update]}\n"
	"    - {resources: [cert_authority], verbs: [list, readnosecrets]}\n",

	"metadata:\n"
	"  name: auditor\n"
	"  description: Read the audit log and every recording\n"
	"spec:\n"
	"  options: {max_session_ttl: 30h}\n"
	"  allow:\n"
	"    rules:\n"
	"    - resources: [session, event, session_tracker, cluster_alert, instance, "
	"bot_instance,\n"
	"                  notification]\n"
	"      verbs: [list, read]\n"
	"    - resources: [security_report, audit_query]\n"
	"      verbs: [list, read, use]\n",
};

int preset_role(size_t index, pv_Role *out, struct err *err)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	int rc = fields_from_yaml(&pv_Role_table, "preset", presets[index], strlen(presets[index]),
	                          &r.of.role, err);

	if (rc == 0)
		rc = resource_validate(&r, err);
	if (rc != 0) {
		fields_release(&pv_Role_table, &r.of.role);
		return err_wrap(err, "preset role");
	}
	*out = r.of.role;
	return 0;
}

#include "model/system_role.h"

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SETTINGS                                                                         \
	"cluster_config cluster_name cluster_auth_preference cluster_networking_config " \
	"session_recording_config"

/* Kinds separated by blanks; `write` includes reading, `read` includes readnosecrets. */
static const struct system_role {
	const char *name;
	bool of_hosts; /* a host's certificate may have it */
	const char *write;
	const char *read;
	const char *read_without_secrets;
} system_roles[] = {
	{ "Auth", true, "auth_server", "", "" },
	{ "Node", true, "node ssh_session session event",
	  "proxy user namespace role lock auth_server reverse_tunnel tunnel_connection " SETTINGS,
	  "cert_authority" },
	{ "Proxy", true,
	  "proxy oidc_request saml_request github_request ssh_session event tunnel_connection "
	  "remote_cluster web_session web_token semaphore",
	  "node session namespace auth_server reverse_tunnel user role lock access_request "
	  "app_server kube_service kube_server " SETTINGS,
	  "oidc saml github cert_authority" },
	{ "RemoteProxy", false, "", "node proxy namespace", "cert_authority" },
	{ "RemoteLeaf", false, "", "", "cert_authority" },
	{ "Kube", true, "kube_service kube_server ssh_session session event",
	  "user namespace role lock proxy auth_server reverse_tunnel tunnel_connection " SETTINGS,
	  "cert_authority" },
	{ "Tunnel", true, "", "proxy reverse_tunnel tunnel_connection lock " SETTINGS,
	  "cert_authority" },
	{ "Web", false, "web_session ssh_session",
	  "auth_server user role namespace trusted_cluster", "" },
	{ "Signup", false, "", "auth_server cluster_auth_preference", "" },
	{ "Admin", false, "*", "", "" },
	{ "ProvisionToken", false, "", "", "" },
	{ "Trusted_cluster", false, "", "", "" },
	{ "Nop", false, "", "", "" },
};

static const struct system_role *find(const char *name)
{
	for (size_t i = 0; i < sizeof(system_roles) / sizeof(system_roles[0]); i++)
		if (strcasecmp(system_roles[i].name, name) == 0)
			return &system_roles[i];
	return NULL;
}

const char *system_role_name(const char *name)
{
	const struct system_role *r = find(name);

	return r != NULL && r->of_hosts ? r->name : NULL;
}

static bool allows(const struct system_role *r, const char *kind, const char *verb)
{
	if (strcmp(r->write, "*") == 0)
		return true;
	if (str_has_word("list read readnosecrets create update delete", verb) &&
	    str_has_word(r->write, kind))
		return true;
	if (str_has_word("list read readnosecrets", verb) && str_has_word(r->read, kind))
		return true;
	return str_has_word("list readnosecrets", verb) &&
	       str_has_word(r->read_without_secrets, kind);
}

int system_role_check(const char *role, const char *kind, const char *verb, struct err *err)
{
	const struct system_role *r = find(role);

	if (r != NULL && allows(r, kind, verb))
		return 0;
	return err_set(err, ERR_DENIED, "access denied to perform action '%s' on '%s' as a %s",
	               verb, kind, r != NULL ? r->name : "host without a role");
}

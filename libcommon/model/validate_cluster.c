/* validate_cluster - what makes a cluster's settings and its other clusters valid: validate.h. */
#include "model/validate.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"
#include "model/resource.h"
#include "model/role_map.h"

#include "proto/cluster.pb.h"

#include <string.h>

#define CONNECTIONS_MAX 1000          /* proxies that an agent is told of */
#define MESSAGE_MAX     400           /* bytes; it is shown on terminals */
#define SESSION_TTL_MIN (60 * 1000LL) /* ms; certificates live at least a minute */

/* --- settings -------------------------------------------------------------------------------- */

int validate_auth_preference(void *message, struct err *err)
{
	const pv_ClusterAuthPreferenceSpec *spec = &((pv_ClusterAuthPreference *)message)->spec;

	if (spec->default_session_ttl != 0 && spec->default_session_ttl < SESSION_TTL_MIN)
		return err_set(err, ERR_INVALID, "spec.default_session_ttl: less than a minute");
	return 0;
}

static int check_strategy(const pv_TunnelStrategy *s, struct err *err)
{
	if (s->agent_connection_count < 0 || s->agent_connection_count > CONNECTIONS_MAX)
		return err_set(err, ERR_INVALID,
		               "spec.tunnel_strategy.agent_connection_count: not 0 to %d",
		               CONNECTIONS_MAX);
	if (s->agent_connection_count > 0 && !str_eq(s->type, "proxy_peering"))
		return err_set(err, ERR_INVALID,
		               "spec.tunnel_strategy.agent_connection_count: only with the type "
		               "proxy_peering");
	return 0;
}

int validate_networking(void *message, struct err *err)
{
	const pv_ClusterNetworkingConfigSpec *spec = &((pv_ClusterNetworkingConfig *)message)->spec;
	const struct {
		int64_t value;
		const char *name;
	} numbers[] = {
		{ spec->client_idle_timeout, "client_idle_timeout" },
		{ spec->web_idle_timeout, "web_idle_timeout" },
		{ spec->keep_alive_interval, "keep_alive_interval" },
		{ spec->keep_alive_count_max, "keep_alive_count_max" },
		{ spec->session_control_timeout, "session_control_timeout" },
		{ spec->proxy_ping_interval, "proxy_ping_interval" },
		{ spec->ssh_dial_timeout, "ssh_dial_timeout" },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].value < 0)
			return err_set(err, ERR_INVALID, "spec.%s: below 0", numbers[i].name);
	if (spec->idle_timeout_message != NULL &&
	    (strlen(spec->idle_timeout_message) > MESSAGE_MAX ||
	     !resource_is_printable(spec->idle_timeout_message)))
		return err_set(err, ERR_INVALID,
		               "spec.idle_timeout_message: not a line of at most %d bytes",
		               MESSAGE_MAX);
	return check_strategy(&spec->tunnel_strategy, err);
}

int validate_cluster_name(void *message, struct err *err)
{
	const pv_ClusterNameSpec *spec = &((pv_ClusterName *)message)->spec;

	if (str_empty(spec->cluster_name))
		return err_set(err, ERR_INVALID, "spec.cluster_name: missing");
	return 0;
}

/* --- other clusters -------------------------------------------------------------------------- */

static int check_addr(const char *field, const char *addr, struct err *err)
{
	struct conf_addr parsed;

	if (conf_addr_parse(addr, NULL, &parsed, err) != 0)
		return err_wrap(err, "%s", field);
	conf_addr_deinit(&parsed);
	return 0;
}

int validate_trusted_cluster(void *message, struct err *err)
{
	const pv_TrustedClusterSpec *spec = &((pv_TrustedCluster *)message)->spec;
	int rc = 0;

	if (spec->roles_count > 0 && spec->role_map_count > 0)
		return err_set(err, ERR_INVALID, "spec.roles: not together with spec.role_map");
	if (!str_empty(spec->web_proxy_addr))
		rc = check_addr("spec.web_proxy_addr", spec->web_proxy_addr, err);
	if (rc == 0 && !str_empty(spec->tunnel_addr))
		rc = check_addr("spec.tunnel_addr", spec->tunnel_addr, err);
	if (rc == 0)
		rc = validate_names("spec.roles", spec->roles, spec->roles_count, err);
	return rc == 0 ? role_map_check("spec.role_map", spec->role_map, spec->role_map_count, err)
	               : rc;
}

int validate_reverse_tunnel(void *message, struct err *err)
{
	const pv_ReverseTunnelSpec *spec = &((pv_ReverseTunnel *)message)->spec;
	int rc = 0;

	if (str_empty(spec->cluster_name))
		return err_set(err, ERR_INVALID, "spec.cluster_name: missing");
	if (spec->dial_addrs_count == 0)
		return err_set(err, ERR_INVALID, "spec.dial_addrs: no address");
	for (size_t i = 0; rc == 0 && i < spec->dial_addrs_count; i++)
		rc = check_addr("spec.dial_addrs", spec->dial_addrs[i], err);
	return rc;
}

int validate_tunnel_connection(void *message, struct err *err)
{
	const pv_TunnelConnectionSpec *spec = &((pv_TunnelConnection *)message)->spec;

	if (str_empty(spec->cluster_name) || str_empty(spec->proxy_name))
		return err_set(err, ERR_INVALID, "spec: cluster_name and proxy_name are needed");
	return 0;
}

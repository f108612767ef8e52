#include "noded/settings.h"

#include "base/str.h"
#include "cache/cache.h"
#include "model/role.h"
#include "noded/noded.h"

#define KEY_AUTH       "/settings/auth/cluster-auth-preference"
#define KEY_NETWORKING "/settings/networking/cluster-networking-config"
#define KEY_RECORDING  "/settings/recording/session-recording-config"

#define INTERVAL_DEFAULT 300 /* s */
#define INTERVAL_MAX     86400
#define COUNT_DEFAULT    3
#define COUNT_MAX        1000

static const pv_ClusterNetworkingConfigSpec *networking(const struct noded *n)
{
	const pv_Resource *r = cache_get(n->cache, KEY_NETWORKING);

	return r != NULL ? &r->of.cluster_networking_config.spec : NULL;
}

struct role_options settings_limits(const struct noded *n, const struct role_set *roles)
{
	const pv_Resource *auth = cache_get(n->cache, KEY_AUTH);
	struct role_options limits = *role_set_options(roles);

	role_options_add_cluster(&limits, networking(n),
	                         auth != NULL ? &auth->of.cluster_auth_preference.spec : NULL);
	return limits;
}

const char *settings_recording_mode(const struct noded *n)
{
	const pv_Resource *r = cache_get(n->cache, KEY_RECORDING);
	const char *mode = r != NULL ? r->of.session_recording_config.spec.mode : NULL;

	return str_empty(mode) ? "node" : mode;
}

bool settings_records(const struct noded *n)
{
	return !str_eq(settings_recording_mode(n), "off");
}

bool settings_records_strictly(const struct noded *n)
{
	const char *mode = settings_recording_mode(n);

	return str_eq(mode, "node-sync") || str_eq(mode, "proxy-sync");
}

const char *settings_idle_message(const struct noded *n)
{
	const pv_ClusterNetworkingConfigSpec *net = networking(n);

	return net != NULL && !str_empty(net->idle_timeout_message) ? net->idle_timeout_message
	                                                            : NULL;
}

static int bounded(int64_t value, int max)
{
	return value < max ? (int)value : max;
}

void settings_keep_alive(const struct noded *n, int *out_interval, int *out_count)
{
	const pv_ClusterNetworkingConfigSpec *net = networking(n);
	int64_t interval = net != NULL ? net->keep_alive_interval : INTERVAL_DEFAULT * 1000;

	*out_interval = bounded((interval + 999) / 1000, INTERVAL_MAX);
	*out_count = bounded(net != NULL ? net->keep_alive_count_max : COUNT_DEFAULT, COUNT_MAX);
}

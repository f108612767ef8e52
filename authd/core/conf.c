#include "authd/core/conf.h"

#include <stddef.h>
#include <string.h>

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define AT(member) offsetof(struct authd_conf, member)

static const struct conf_key keys[] = {
	{ "cluster.name", CONF_STRING, AT(cluster_name), NULL,
	  "the cluster's name, which stands in every certificate and never changes",
	  .required = true },
	{ "data_dir", CONF_PATH, AT(data_dir), "/var/lib/postern/authd",
	  "where the keyspace, the audit log and recordings are kept" },
	{ "socket", CONF_PATH, AT(socket), "/run/postern/authd/authd.sock",
	  "unix socket of the local administrator" },
	{ "socket_group", CONF_STRING, AT(socket_group), "postern-admin",
	  "the group that may use the socket; empty leaves it to the folder's" },
	{ "listen", CONF_LIST, AT(listen), "[\":3025\"]", "addresses of the API" },
	{ "public_addrs", CONF_LIST, AT(public_addrs), NULL,
	  "host:port by which hosts reach the API; also names in its certificate" },
	{ "certs.ttl", CONF_DURATION, AT(cert_ttl), "12h", "life of a user's certificates",
	  .min = MINUTE, .max = 30 * DAY },
	{ "certs.host_ttl", CONF_DURATION, AT(host_cert_ttl), "168h",
	  "life of a host's certificates, renewed when two thirds are gone", .min = MINUTE,
	  .max = 3650 * DAY },
	{ "certs.backdate", CONF_DURATION, AT(backdate), "1m",
	  "how far back a certificate's start lies, for slow clocks", .max = HOUR },
	{ "nodes.ttl", CONF_DURATION, AT(node_ttl), "10m",
	  "silence after which a host is forgotten", .min = SECOND, .max = DAY },
	{ "watch.log_events", CONF_INT, AT(log_events), "100000",
	  "changes that are kept for watches that resume; older ones cost a snapshot", .min = 1,
	  .max = 100000000 },
	{ "watch.log_age", CONF_DURATION, AT(log_age), "24h",
	  "and how long a change is kept at most", .min = SECOND, .max = 365 * DAY },
	{ "rotation.spread", CONF_DURATION, AT(rotation_spread), "1m",
	  "over how long hosts spread their renewals when a rotation changes its phase",
	  .max = HOUR },
	{ "users.invite_ttl", CONF_DURATION, AT(invite_ttl), "1h", "life of an invite",
	  .min = MINUTE, .max = 30 * DAY },
	{ "tokens.ttl", CONF_DURATION, AT(token_ttl), "30m", "life of a join token", .min = MINUTE,
	  .max = 365 * DAY },
	{ "login.attempts", CONF_INT, AT(login_attempts), "5",
	  "failed logins in a row that lock a user", .min = 1, .max = 1000 },
	{ "login.lock", CONF_DURATION, AT(login_lock), "20m", "how long a user stays locked",
	  .min = SECOND, .max = 365 * DAY },
	{ "limits.arriving", CONF_INT, AT(max_arriving), "16384",
	  "connections at once that have not finished their TLS handshake; half of them from one "
	  "address",
	  .min = 2, .max = 1000000 },
	{ "limits.anonymous", CONF_INT, AT(max_anonymous), "4000",
	  "connections without a certificate at once, so that they crowd out no host", .min = 1,
	  .max = 1000000 },
	{ "limits.anonymous_rate", CONF_INT, AT(anonymous_rate), "20",
	  "calls a second without a certificate, per address, and ten times that in a burst; 0 is "
	  "no bound",
	  .max = 1000000 },
	{ "limits.user_rate", CONF_INT, AT(user_rate), "100",
	  "calls a second of a user, and ten times that in a burst; 0 is no bound",
	  .max = 1000000 },
	{ "limits.host_rate", CONF_INT, AT(host_rate), "1000",
	  "calls a second of a node or proxy, and ten times that in a burst; 0 is no bound",
	  .max = 1000000 },
	{ "audit.dir", CONF_PATH, AT(audit_dir), NULL,
	  "folder of the audit log; audit in data_dir unless set" },
	{ "audit.keep", CONF_DURATION, AT(audit_keep), "0",
	  "how long files of the audit log are kept; 0 is for ever", .max = 36500 * DAY },
	{ "recordings.dir", CONF_PATH, AT(recordings_dir), NULL,
	  "folder of the recordings; recordings in data_dir unless set" },
	{ "recordings.quota", CONF_SIZE, AT(recordings_quota), "0",
	  "bytes that recordings may take, then nodes keep theirs; 0 is no bound" },
	{ "recordings.keep", CONF_DURATION, AT(recordings_keep), "0",
	  "how long recordings are kept; 0 is for ever", .max = 36500 * DAY },
	{ "diag", CONF_STRING, AT(diag), "unix:/run/postern/authd/diag.sock",
	  "where health and figures are served; empty: nowhere" },
	{ 0 },
};

const struct conf_key *authd_conf_keys(void)
{
	return keys;
}

void authd_conf_adopt(struct authd_conf *now, const struct authd_conf *fresh)
{
	for (const struct conf_key *key = keys; key->name != NULL; key++) {
		char *to = (char *)now + key->offset;

		if (key->type == CONF_DURATION || key->type == CONF_INT || key->type == CONF_SIZE)
			memcpy(to, (const char *)fresh + key->offset, sizeof(int64_t));
	}
}

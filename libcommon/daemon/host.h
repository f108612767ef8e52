/*
 * host - a daemon's membership in the cluster: joins once with a token, keeps one connection to
 * authd, renews its certificates before they expire, follows changes of the authorities.
 *
 *   host_open --(not joined: host_join)--> MEMBER --two thirds of the life gone, or a
 *                                             ^      rotation wants others--> RENEWING
 *                                             '--new certificates, or tried again--'
 *
 * A rotation (model/rotation.h) comes as changed authorities. The host trusts what they say at
 * once, renews within their spread, and reports in its record the phase it has reached. Open
 * connections keep what they have; a watch moves to a connection of the new certificate.
 *
 * Whoever holds TLS configurations made from here makes them anew in on_change. A daemon that says
 * what its record is (`record`) is kept known to the cluster (daemon/heartbeat.h).
 */
#ifndef DAEMON_HOST_H
#define DAEMON_HOST_H

#include "daemon/credentials.h"

#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct clock;
struct err;
struct host;
struct http_proxy;
struct pin;
struct rpc_client;
struct tls_conf;
struct trust;

/* All borrowed for the host's life. */
struct host_conf {
	uv_loop_t *loop;
	const struct clock *clock;
	const char *dir;         /* state folder; made when absent */
	const char *system_role; /* "Node", "Proxy" */
	const char *hostname;
	char *const *addresses; /* more names and addresses for its certificates */
	size_t address_count;
	const char *const *auth_addrs; /* NULL-ended; authd's, or proxies' that pass through */
	const struct http_proxy *http_proxy; /* on the way to them; NULL: none */
	void *ctx;
	int64_t poll_ms; /* how often authd is asked for its authorities, should an event be
	                    missed; 0 = 10 minutes */
	/* Certificates or authorities changed (err NULL), or a renewal failed and will be tried
	 * again. */
	void (*on_change)(void *ctx, const struct err *err);
	/* The connection to authd stands (err NULL), or does not, and why. May be NULL. */
	void (*on_state)(void *ctx, const struct err *err);

	/* The daemon's own part of its record: kind, labels, addresses; what all hosts have in
	 * common is filled in behind it. Asked for at each announcement. NULL: no record. */
	int (*record)(void *ctx, pv_Node *out, struct err *err);
	int64_t record_ttl; /* ms; silence after which the cluster forgets it */
	/* The cluster knows the record (err NULL), or announcing it failed and will be tried again.
	 */
	void (*on_announced)(void *ctx, const struct err *err);
};

int host_open(const struct host_conf *conf, struct host **out, struct err *err);
void host_close(struct host *h); /* NULL allowed; run the loop once more afterwards */

bool host_is_member(const struct host *h);

/*
 * Joins: proves authd by the pin, then shows the token. Runs the loop until it is done; for
 * main, before anything else is served. ERR_UNAUTHENTICATED: the pin or the token does not hold.
 */
int host_join(struct host *h, const char *token, const struct pin *pin, unsigned timeout_ms,
              struct err *err);

/* For members: begins to keep the connection and the certificates. */
int host_start(struct host *h, struct err *err);

/* The record is another now: announces it at once. After host_start(). */
void host_record_changed(struct host *h);

/* Another process speaks for the record from now on. */
void host_leave_record(struct host *h);

/* The one connection to authd; after host_start(). */
struct rpc_client *host_client(const struct host *h);

const struct credentials *host_credentials(const struct host *h);
const char *host_id(const struct host *h);
const char *host_cluster(const struct host *h);

/* An authority as authd says it is; stored, and told by on_change, if it is news. */
int host_take_authority(struct host *h, const pv_CertAuthority *ca, struct err *err);

/* Whatever the daemon's cache tells (cache/cache.h, `changed`): authorities that came, changed or
 * went are taken over. */
int host_cache_changed(struct host *h, const char *key, const pv_Resource *now, struct err *err);

/* Who may call us, as the authorities are now; borrowed until on_change. */
const struct trust *host_trust(const struct host *h);

/* How far our clock is ahead of authd's (ms), as the last answer told; 0 when unknown. */
int64_t host_clock_skew(const struct host *h);

/* A client configuration that shows our certificate and trusts the cluster's hosts. For a
 * server's, see crypto/tls.h with host_credentials(). */
int host_client_tls(const struct host *h, struct tls_conf **out, struct err *err);

/* The same for another protocol than gRPC: `alpn` as in crypto/tls.h. */
int host_client_tls_for(const struct host *h, const char *const *alpn, struct tls_conf **out,
                        struct err *err);

/* The same for servers that others certify: another cluster's hosts (model/trust.h). */
int host_client_tls_to(const struct host *h, const struct x509_set *trust, const char *const *alpn,
                       struct tls_conf **out, struct err *err);

/* The name that authd's certificate always holds, also before the cluster's name is known. */
#define HOST_AUTHD_NAME "authd"

#endif

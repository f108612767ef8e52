#include "daemon/host.h"
#include "daemon/host_inside.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "daemon/heartbeat.h"
#include "file/file.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define SESSION_FILE_MAX 65536
#define RETIRE_MS        (45 * 1000) /* a watch moves to the connection of the renewed certificate */

/* --- making and asking ----------------------------------------------------------------------- */

int host_open(const struct host_conf *conf, struct host **out, struct err *err)
{
	struct host *h = calloc(1, sizeof(*h));
	int rc;

	if (h == NULL)
		return err_set_nomem(err);
	h->conf = *conf;
	rc = credentials_open(&h->creds, conf->dir, err);
	if (rc != 0) {
		free(h);
		return rc;
	}
	*out = h;
	return 0;
}

void host_close(struct host *h)
{
	if (h == NULL)
		return;
	host_renew_stop(h);
	host_follow_stop(h);
	heartbeat_close(h->heartbeat);
	rpc_client_close(h->client, NULL, NULL);
	credentials_deinit(&h->creds);
	free(h);
}

bool host_is_member(const struct host *h)
{
	return h->creds.joined;
}

struct rpc_client *host_client(const struct host *h)
{
	return h->client;
}

const struct credentials *host_credentials(const struct host *h)
{
	return &h->creds;
}

const struct trust *host_trust(const struct host *h)
{
	return h->creds.parts.trust;
}

const char *host_id(const struct host *h)
{
	return h->creds.answer.host_id;
}

const char *host_cluster(const struct host *h)
{
	return h->creds.answer.cluster_name;
}

int64_t host_clock_skew(const struct host *h)
{
	return h->skew_ms;
}

int host_client_tls_to(const struct host *h, const struct x509_set *trust, const char *const *alpn,
                       struct tls_conf **out, struct err *err)
{
	const struct tls_own own = { (const struct x509 *const *)h->creds.parts.chain,
		                     h->creds.parts.chain_len, h->creds.tls_key };
	const struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.service = "authd",
		.clock = h->conf.clock,
		.own = &own,
		.own_count = 1,
		.trust = trust,
		.alpn = alpn,
	};

	return tls_conf_new(&spec, out, err);
}

int host_client_tls_for(const struct host *h, const char *const *alpn, struct tls_conf **out,
                        struct err *err)
{
	return host_client_tls_to(h, h->creds.parts.host_cas, alpn, out, err);
}

int host_client_tls(const struct host *h, struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };

	return host_client_tls_for(h, alpn, out, err);
}

/* --- joining --------------------------------------------------------------------------------- */

static int join_client(struct host *h, const struct pin *pin, struct rpc_client **out,
                       struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };
	const struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.service = "authd",
		.clock = h->conf.clock,
		.pin = pin,
		.alpn = alpn,
	};
	struct rpc_client_conf conf = {
		.loop = h->conf.loop,
		.service = &pv_Auth_service,
		.addrs = h->conf.auth_addrs,
		.http_proxy = h->conf.http_proxy,
		.server_name = HOST_AUTHD_NAME,
	};

	if (tls_conf_new(&spec, &conf.tls, err) != 0)
		return err->code;
	*out = rpc_client_new(&conf, err);
	tls_conf_unref(conf.tls);
	return *out != NULL ? 0 : err->code;
}

static int ask_to_join(struct host *h, struct rpc_client *client, const char *token,
                       unsigned timeout_ms, struct err *err)
{
	char id[RAND_UUID_SIZE];
	pv_JoinRequest request = {
		.token = (char *)token,
		.system_role = (char *)h->conf.system_role,
		.host_id = id,
		.hostname = (char *)h->conf.hostname,
		.addresses = (char **)h->conf.addresses,
		.addresses_count = (pb_size_t)h->conf.address_count,
	};
	pv_JoinResponse answer;
	int rc;

	rand_uuid(id);
	rc = credentials_public_keys(&h->creds, &request.ssh_public_key, &request.tls_public_key,
	                             err);
	if (rc == 0)
		rc = rpc_unary_wait(client, AUTH_JOIN, &request, timeout_ms, &answer, err);
	if (rc == 0) {
		h->skew_ms = clock_wall_ms(h->conf.clock) - answer.time;
		rc = credentials_store(&h->creds, &answer, err);
		fields_release(&pv_JoinResponse_table, &answer);
	}
	free(request.ssh_public_key);
	free(request.tls_public_key);
	return rc;
}

int host_join(struct host *h, const char *token, const struct pin *pin, unsigned timeout_ms,
              struct err *err)
{
	struct rpc_client *client = NULL;
	int rc;

	rc = join_client(h, pin, &client, err);
	if (rc == 0)
		rc = ask_to_join(h, client, token, timeout_ms, err);
	rpc_client_close(client, NULL, NULL);
	return rc == 0 ? 0 : err_wrap(err, "join the cluster");
}

/* --- the connection -------------------------------------------------------------------------- */

static void on_session(void *ctx, const uint8_t *session, size_t len)
{
	struct host *h = ctx;
	char path[CREDENTIALS_PATH_MAX];
	struct err ignored = { 0 };

	/* Without it the next start costs one full handshake, no more. */
	file_replace(credentials_path(&h->creds, "session", path), session, len, 0600, &ignored);
}

/* Who was away while the keys were changed cannot even prove that it was a member. */
static void explain_distrust(const struct host *h, struct err *err)
{
	struct err cause = *err;

	err_set(err, cause.code,
	        "%.200s; the cluster's host authority was rotated while this host was away: make "
	        "a token by 'tctl nodes add', remove '%s/credentials' and start again to join anew",
	        cause.msg, h->creds.dir);
}

static void on_state(void *ctx, const struct err *err)
{
	struct host *h = ctx;
	struct err explained;

	if (err == NULL && h->heartbeat != NULL)
		heartbeat_kick(h->heartbeat);
	if (err != NULL && err->code == ERR_UNTRUSTED) {
		explained = *err;
		explain_distrust(h, &explained);
		err = &explained;
	}
	if (h->conf.on_state != NULL)
		h->conf.on_state(h->conf.ctx, err);
}

static int make_client(struct host *h, struct err *err)
{
	struct rpc_client_conf conf = {
		.loop = h->conf.loop,
		.service = &pv_Auth_service,
		.addrs = h->conf.auth_addrs,
		.http_proxy = h->conf.http_proxy,
		.server_name = HOST_AUTHD_NAME,
		.retire_ms = RETIRE_MS,
		.ctx = h,
		.on_session = on_session,
		.on_state = on_state,
	};
	char path[CREDENTIALS_PATH_MAX];
	struct err ignored = { 0 };
	struct buf session = { 0 };
	int rc;

	rc = host_client_tls(h, &conf.tls, err);
	if (rc != 0)
		return rc;
	if (file_read(credentials_path(&h->creds, "session", path), SESSION_FILE_MAX, &session,
	              &ignored) == 0) {
		conf.session = session.data;
		conf.session_len = session.len;
	}
	h->client = rpc_client_new(&conf, err);
	tls_conf_unref(conf.tls);
	buf_wipe(&session);
	return h->client != NULL ? 0 : err->code;
}

void host_changed(struct host *h, bool renewed)
{
	struct tls_conf *tls = NULL;
	struct err err = { 0 };

	if (h->client != NULL && host_client_tls(h, &tls, &err) == 0) {
		if (renewed)
			rpc_client_set_tls(h->client, tls, &err);
		else
			rpc_client_set_next_tls(h->client, tls);
	}
	tls_conf_unref(tls);
	h->conf.on_change(h->conf.ctx, err.code != 0 ? &err : NULL);
	host_follow_note(h);
	host_renew_plan(h);
}

/* --- the record ------------------------------------------------------------------------------ */

static int fill_record(void *ctx, pv_Node *out, struct err *err)
{
	struct host *h = ctx;
	int rc = h->conf.record(h->conf.ctx, out, err);

	out->has_metadata = out->has_spec = true;
	if (rc == 0)
		rc = fields_set_str(&out->version, "v2", err);
	if (rc == 0)
		rc = fields_set_str(&out->metadata.name, host_id(h), err);
	if (rc == 0)
		rc = fields_set_str(&out->spec.version, POSTERN_VERSION, err);
	if (rc == 0)
		rc = host_follow_report(h, &out->spec, err);
	out->spec.clock_skew = h->skew_ms;
	return rc;
}

static void on_announced(void *ctx, const struct err *err)
{
	struct host *h = ctx;

	h->conf.on_announced(h->conf.ctx, err);
}

static int start_heartbeat(struct host *h, struct err *err)
{
	const struct heartbeat_conf conf = {
		.loop = h->conf.loop,
		.clock = h->conf.clock,
		.client = h->client,
		.ttl_ms = h->conf.record_ttl,
		.ctx = h,
		.record = fill_record,
		.on_announced = on_announced,
	};

	return h->conf.record != NULL ? heartbeat_open(&conf, &h->heartbeat, err) : 0;
}

void host_record_changed(struct host *h)
{
	if (h->heartbeat != NULL)
		heartbeat_changed(h->heartbeat);
}

void host_leave_record(struct host *h)
{
	heartbeat_close(h->heartbeat);
	h->heartbeat = NULL;
}

int host_start(struct host *h, struct err *err)
{
	if (make_client(h, err) != 0 || host_follow_start(h, err) != 0 ||
	    host_renew_start(h, err) != 0)
		return err->code;
	return start_heartbeat(h, err);
}

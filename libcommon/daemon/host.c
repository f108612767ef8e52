#include "daemon/host.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "daemon/heartbeat.h"
#include "file/file.h"
#include "loop/timer.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdlib.h>
#include <string.h>

#define SESSION_FILE_MAX 65536
#define RENEW_RETRY_MS   (60 * 1000)
#define RENEW_CALL_MS    (30 * 1000)
#define RENEW_WAIT_MAX   (12 * 3600 * 1000LL) /* looks again at least this often */

/* A renewal under way; outlives the host until its callback. */
struct renewal {
	struct host *owner; /* NULL: the host is gone */
	struct rpc_stream *call;
};

struct host {
	struct host_conf conf;
	struct credentials creds;
	struct rpc_client *client;
	struct timer *renew;
	struct renewal *renewing;    /* NULL: none */
	struct heartbeat *heartbeat; /* NULL: no record */
	int64_t skew_ms;
};

static void plan_renewal(struct host *h);

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
	if (h->renewing != NULL) {
		h->renewing->owner = NULL;
		rpc_stream_cancel(h->renewing->call);
	}
	heartbeat_close(h->heartbeat);
	timer_free(h->renew);
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

int host_client_tls(const struct host *h, struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };
	const struct tls_own own = { (const struct x509 *const *)h->creds.chain, h->creds.chain_len,
		                     h->creds.tls_key };
	const struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.service = "authd",
		.clock = h->conf.clock,
		.own = &own,
		.own_count = 1,
		.trust = h->creds.host_cas,
		.alpn = alpn,
	};

	return tls_conf_new(&spec, out, err);
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

static void on_state(void *ctx, const struct err *err)
{
	struct host *h = ctx;

	if (err == NULL && h->heartbeat != NULL)
		heartbeat_kick(h->heartbeat);
	if (h->conf.on_state != NULL)
		h->conf.on_state(h->conf.ctx, err);
}

static int make_client(struct host *h, struct err *err)
{
	struct rpc_client_conf conf = {
		.loop = h->conf.loop,
		.service = &pv_Auth_service,
		.addrs = h->conf.auth_addrs,
		.server_name = HOST_AUTHD_NAME,
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

/* New certificates or authorities: the connection takes them, then the program. */
static void tell_change(struct host *h)
{
	struct tls_conf *tls = NULL;
	struct err err = { 0 };

	if (h->client != NULL && host_client_tls(h, &tls, &err) == 0)
		rpc_client_set_tls(h->client, tls, &err);
	tls_conf_unref(tls);
	h->conf.on_change(h->conf.ctx, err.code != 0 ? &err : NULL);
}

int host_take_authority(struct host *h, const pv_CertAuthority *ca, struct err *err)
{
	const struct x509_set *before = h->creds.all_cas;

	if (credentials_store_authority(&h->creds, ca, err) != 0)
		return err->code;
	if (h->creds.all_cas != before)
		tell_change(h);
	return 0;
}

/* --- renewal --------------------------------------------------------------------------------- */

static void renewal_failed(struct host *h, const struct err *why)
{
	struct err err = *why;

	err_wrap(&err, "renew certificates");
	h->conf.on_change(h->conf.ctx, &err);
	timer_once(h->renew, rand_jitter(RENEW_RETRY_MS));
}

static void on_renewed(void *ctx, const void *response, const struct err *why)
{
	struct renewal *r = ctx;
	struct host *h = r->owner;
	const pv_JoinResponse *answer = response;
	struct err err = { 0 };

	free(r);
	if (h == NULL)
		return;
	h->renewing = NULL;
	if (why != NULL) {
		renewal_failed(h, why);
		return;
	}
	if (answer->time != 0)
		h->skew_ms = clock_wall_ms(h->conf.clock) - answer->time;
	if (credentials_store(&h->creds, answer, &err) != 0) {
		renewal_failed(h, &err);
		return;
	}
	tell_change(h);
	plan_renewal(h);
}

static int ask_to_renew(struct host *h, struct renewal *r, struct err *err)
{
	pv_RenewHostRequest request = {
		.hostname = (char *)h->conf.hostname,
		.addresses = (char **)h->conf.addresses,
		.addresses_count = (pb_size_t)h->conf.address_count,
	};
	int rc;

	rc = credentials_public_keys(&h->creds, &request.ssh_public_key, &request.tls_public_key,
	                             err);
	if (rc == 0)
		rc = rpc_unary_start(h->client, AUTH_RENEW_HOST, &request, RENEW_CALL_MS,
		                     on_renewed, r, &r->call, err);
	free(request.ssh_public_key);
	free(request.tls_public_key);
	return rc;
}

/* When two thirds of the certificate's life are gone. */
static int64_t renewal_due_ms(const struct host *h)
{
	int64_t life = h->creds.not_after_ms - h->creds.not_before_ms;

	return h->creds.not_after_ms - life / 3;
}

static void start_renewal(struct host *h)
{
	struct renewal *r = calloc(1, sizeof(*r));
	struct err err = { 0 };

	if (r == NULL) {
		err_set_nomem(&err);
		renewal_failed(h, &err);
		return;
	}
	r->owner = h;
	if (ask_to_renew(h, r, &err) != 0) {
		free(r);
		renewal_failed(h, &err);
		return;
	}
	h->renewing = r;
}

static void on_renew_due(void *owner)
{
	struct host *h = owner;

	if (clock_wall_ms(h->conf.clock) < renewal_due_ms(h))
		plan_renewal(h);
	else if (h->renewing == NULL)
		start_renewal(h);
}

/* Wall clocks jump, so a long wait is cut into pieces and looked at again. */
static void plan_renewal(struct host *h)
{
	int64_t wait = renewal_due_ms(h) - clock_wall_ms(h->conf.clock);

	if (wait > RENEW_WAIT_MAX)
		wait = RENEW_WAIT_MAX;
	timer_once(h->renew, wait > 0 ? wait + rand_below(1000) : 0);
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
	h->renew = timer_new(h->conf.loop, on_renew_due, h);
	if (h->renew == NULL)
		return err_set_nomem(err);
	if (make_client(h, err) != 0)
		return err->code;
	plan_renewal(h);
	return start_heartbeat(h, err);
}

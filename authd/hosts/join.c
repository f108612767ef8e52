/*
 * join - how hosts become members (Join, by token) and stay so (RenewHost, by certificate).
 *
 *   checked --> WAITING for its turn --> SIGNING --> WRITING --> AUDITING --> answer
 *
 * A host is its record under /secrets/hosts: made by the join, needed for every renewal, gone
 * with the node. A second join with the same token, id and key is the same join, whose answer
 * got lost; anything else that is the same is refused.
 */
#include "authd/access/caller.h"
#include "authd/access/locks.h"
#include "authd/audit/audit_log.h"
#include "authd/authorities/certify.h"
#include "authd/authorities/host_names.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/core/secrets.h"
#include "authd/hosts/calls.h"
#include "authd/hosts/tokens.h"
#include "authd/people/issue.h"
#include "authd/people/people.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/pubkey.h"
#include "crypto/x509.h"
#include "model/identity.h"
#include "model/lock.h"
#include "model/system_role.h"
#include "loop/admission.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS 3000 /* and up to as much again */

struct join {
	struct pending pending;
	struct admission_guest guest; /* of authd's joins */
	struct authd *authd;
	struct certify certify;
	bool renewal;
	bool repeated; /* the same join once more */
	struct token token;
	pv_StoredHost host;
	uint64_t host_revision; /* of the record that is there; 0 = none */
	struct err err;
	pv_JoinResponse answer;
};

static void join_free(struct join *j)
{
	admission_leave(&j->guest);
	fields_release(&pv_JoinResponse_table, &j->answer);
	fields_release(&pv_StoredHost_table, &j->host);
	token_deinit(&j->token);
	certify_deinit(&j->certify);
	free(j);
}

static void finish(struct join *j, const struct err *err)
{
	pending_end(&j->pending, &j->answer, err);
	join_free(j);
}

/* --- AUDITING -------------------------------------------------------------------------------- */

static void on_audited(void *arg, const struct err *err)
{
	struct join *j = arg;

	finish(j, j->err.code != 0 ? &j->err : err);
}

/* Joins are told, failed ones too; renewals are nobody's news. */
static void audit(struct join *j)
{
	const pv_Identity *id = &j->certify.identity;
	struct audit_event e;
	struct err err;

	audit_event_init(&e, AUDIT_INSTANCE_JOIN, j->err.code == 0, authd_now(j->authd));
	e.pb.server_id = id->host_id;
	e.pb.server_hostname = j->host.hostname;
	e.pb.roles_count = id->system_role != NULL;
	e.pb.roles = &j->certify.identity.system_role;
	e.pb.method = audit_text("token");
	e.pb.name = j->token.stored.id;
	if (j->pending.call != NULL)
		e.pb.addr_remote = audit_text(caller_of(j->pending.call)->addr);
	if (j->err.code != 0)
		e.pb.error = j->err.msg;
	if (j->renewal)
		on_audited(j, NULL);
	else if (audit_log_write(j->authd->audit, &e.pb, 1, on_audited, j, &err) != 0)
		finish(j, &err);
}

static void fail(struct join *j, const struct err *err)
{
	if (j->err.code == 0)
		j->err = *err;
	audit(j);
}

/* --- WRITING --------------------------------------------------------------------------------- */

static int fill_answer(struct join *j, struct err *err)
{
	struct certify *c = &j->certify;
	int rc = fields_set_str(&j->answer.host_id, c->identity.host_id, err);

	if (rc == 0)
		rc = fields_set_str(&j->answer.cluster_name, c->identity.cluster, err);
	if (rc == 0)
		rc = authorities_copy(&j->authd->authorities, &j->answer.authorities,
		                      &j->answer.authorities_count, err);
	j->answer.ssh_certificate = c->ssh;
	j->answer.tls_certificate = c->tls;
	j->answer.tls_server_certificate = c->tls_server;
	c->ssh = c->tls = c->tls_server = NULL;
	j->answer.valid_until = c->identity.expires;
	j->answer.time = authd_now(j->authd);
	return rc;
}

static void on_written(void *arg, uint64_t revision, const struct err *failure)
{
	struct join *j = arg;
	struct err err;

	(void)revision;
	if (failure != NULL && failure->code == ERR_EXISTS) {
		err_set(&err, ERR_EXISTS, "there is another host with this id");
		failure = &err;
	} else if (failure != NULL &&
	           (failure->code == ERR_CONFLICT || failure->code == ERR_NOT_FOUND)) {
		err_set(&err, ERR_DENIED,
		        j->renewal ? "this host was removed" : "the join token was used already");
		failure = &err;
	}
	if (failure == NULL && fill_answer(j, &err) != 0)
		failure = &err;
	if (failure != NULL)
		fail(j, failure);
	else
		audit(j);
}

static int write_host(struct join *j, const char *token_value, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	struct token_use use = { 0 };
	struct keyspace_op ops[1 + TOKEN_USE_OPS];
	struct buf bytes = { 0 };
	size_t count = 0;
	int rc = secrets_put_op(&ops[count++], secrets_host_key(key, j->certify.identity.host_id),
	                        &pv_StoredHost_table, &j->host, 0, &bytes, err);

	ops[0].condition = j->host_revision != 0 ? KEYSPACE_IF_REVISION : KEYSPACE_IF_ABSENT;
	ops[0].revision = j->host_revision;
	if (rc == 0 && !j->renewal && !j->repeated)
		rc = token_use(&j->token, token_value, j->certify.identity.host_id, &use, ops,
		               &count, err);
	if (rc == 0)
		rc = keyspace_write(j->authd->keyspace, ops, count, on_written, j, err);
	buf_deinit(&bytes);
	token_use_deinit(&use);
	return rc;
}

static void on_signed(struct certify *c, const struct err *failure)
{
	struct join *j = container_of(c, struct join, certify);
	const pv_JoinRequest *in;
	struct err err;

	if (failure != NULL) {
		fail(j, failure);
		return;
	}
	if (j->pending.call == NULL) { /* nobody would get the certificates */
		err_set(&err, ERR_CANCELED, "the host has gone");
		fail(j, &err);
		return;
	}
	in = rpc_call_request(j->pending.call);
	if (write_host(j, j->renewal ? NULL : in->token, &err) != 0)
		fail(j, &err);
}

/* --- what a host asks for -------------------------------------------------------------------- */

/* Joins and renewals alike. */
struct wanted {
	const char *host_id;
	const char *system_role;
	const char *hostname;
	char *const *addresses;
	size_t addresses_count;
	const char *ssh_public_key;
	const char *tls_public_key;
};

static int hash_key(const char *pem, pb_bytes_array_t **out, struct err *err)
{
	uint8_t hash[HASH_SIZE];
	struct pubkey *key;
	const uint8_t *der;
	size_t len;
	int rc;

	if (str_empty(pem))
		return err_set(err, ERR_INVALID, "tls_public_key: missing");
	rc = pubkey_load(pem, strlen(pem), &key, err);
	if (rc != 0)
		return err_wrap(err, "tls_public_key");
	der = pubkey_der(key, &len);
	hash_sha256(der, len, hash);
	pubkey_unref(key);
	return fields_set_bytes(out, hash, sizeof(hash), err);
}

static int fill_host(struct join *j, const struct wanted *w, struct err *err)
{
	int rc = fields_set_str(&j->host.system_role, w->system_role, err);

	if (rc == 0)
		rc = fields_set_str(&j->host.hostname, w->hostname, err);
	for (size_t i = 0; rc == 0 && i < w->addresses_count; i++)
		rc = fields_add_str(&j->host.addresses, &j->host.addresses_count, w->addresses[i],
		                    err);
	return rc != 0 ? rc : hash_key(w->tls_public_key, &j->host.key_hash, err);
}

static int fill_certify(struct join *j, const struct wanted *w, struct err *err)
{
	const struct authd_conf *conf = &j->authd->conf;
	struct certify *c = &j->certify;
	const struct host_names names = { conf->cluster_name, w->system_role, w->host_id,
		                          w->hostname,        w->addresses,   w->addresses_count };
	int rc = fields_set_str(&c->identity.host_id, w->host_id, err);

	if (rc == 0)
		rc = fields_set_str(&c->identity.system_role, w->system_role, err);
	if (rc == 0)
		rc = fields_set_str(&c->identity.cluster, conf->cluster_name, err);
	if (rc == 0)
		rc = fields_set_str(&c->ssh_public_key, w->ssh_public_key, err);
	if (rc == 0)
		rc = fields_set_str(&c->tls_public_key, w->tls_public_key, err);
	if (rc == 0)
		rc = host_names_build(&names, &c->tls_names, &c->ssh_names, err);
	c->now = authd_now(j->authd);
	c->backdate = conf->backdate;
	c->identity.expires = c->now + conf->host_cert_ttl;
	c->done = on_signed;
	return rc;
}

/* By which a rotation knows who is left behind. */
static int note_certificate(struct join *j, struct err *err)
{
	const struct authority *ca = j->authd->authorities.host;
	const struct pin *pin = &x509_info(ca->client.tls_cert)->pin;

	j->host.valid_until = j->certify.identity.expires;
	return fields_set_bytes(&j->host.signed_by, pin->sha256, sizeof(pin->sha256), err);
}

static int sign(struct join *j, struct err *err)
{
	if (note_certificate(j, err) != 0)
		return err->code;
	return people_certify(j->authd, &j->certify, j->authd->authorities.host, err);
}

static void on_turn(struct admission_guest *g)
{
	struct join *j = container_of(g, struct join, guest);
	struct err err;
	int rc;

	if (j->pending.call == NULL)
		rc = err_set(&err, ERR_CANCELED, "the host has gone");
	else
		rc = sign(j, &err);
	if (rc != 0)
		fail(j, &err);
}

/* So many at once, in the order of their coming, and addresses in turn. */
static int queue_up(struct join *j, struct err *err)
{
	const char *addr = caller_of(j->pending.call)->addr;

	j->guest.enter = on_turn;
	if (admission_arrive(j->authd->joins, &j->guest, addr, err) != 0) {
		err->retry_ms = RETRY_MS + rand_below(RETRY_MS);
		return err_wrap(err, "joining");
	}
	return admission_enter(&j->guest) ? sign(j, err) : 0;
}

static int start(struct join *j, const struct wanted *w, struct err *err)
{
	const struct lock_subject subject = { .node = w->host_id };
	int rc = fill_certify(j, w, err);

	if (rc == 0)
		rc = fill_host(j, w, err);
	if (rc == 0)
		rc = locks_check(j->authd, &subject, err);
	return rc == 0 ? queue_up(j, err) : rc;
}

static struct join *join_new(struct rpc_call *call)
{
	struct join *j = calloc(1, sizeof(*j));
	struct err err;

	if (j == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return NULL;
	}
	j->authd = authd_of(call);
	pending_begin(&j->pending, call);
	return j;
}

/* --- Join ------------------------------------------------------------------------------------ */

static bool same_join(const pv_StoredHost *had, const char *role, const char *tls_public_key)
{
	pb_bytes_array_t *hash = NULL;
	struct err err;
	bool same = str_eq(had->system_role, role) && had->key_hash != NULL &&
	            hash_key(tls_public_key, &hash, &err) == 0 &&
	            had->key_hash->size == hash->size &&
	            memcmp(had->key_hash->bytes, hash->bytes, hash->size) == 0;

	free(hash);
	return same;
}

/* Has this host joined before? Then it must be the very same join. */
static int check_host(struct join *j, const struct wanted *w, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	pv_StoredHost had;
	int rc = secrets_load(j->authd, secrets_host_key(key, w->host_id), &pv_StoredHost_table,
	                      &had, &j->host_revision, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc != 0)
		return rc;
	j->repeated =
	        str_eq(j->token.stored.used_by, w->host_id) ||
	        (j->token.resource.which_of != 0 && !j->token.resource.of.token.spec.single_use);
	j->repeated = j->repeated && same_join(&had, w->system_role, w->tls_public_key);
	j->host.joined = had.joined;
	fields_release(&pv_StoredHost_table, &had);
	return j->repeated ? 0 : err_set(err, ERR_EXISTS, "there is another host with this id");
}

static int check_token(struct join *j, const pv_JoinRequest *in, const struct wanted *w,
                       struct err *err)
{
	const pv_TokenSpec *spec = &j->token.resource.of.token.spec;
	int rc = token_load(j->authd, in->token != NULL ? in->token : "", &j->token, err);

	if (rc == 0)
		rc = check_host(j, w, err);
	if (rc != 0)
		return rc;
	if (j->token.resource.which_of == 0)
		return j->repeated ? 0
		                   : err_set(err, ERR_DENIED, "the join token was used already");
	if (!str_in(w->system_role, spec->roles, spec->roles_count))
		return err_set(err, ERR_DENIED, "the join token is not for a %s", w->system_role);
	return 0;
}

void handle_join(struct rpc_call *call)
{
	const pv_JoinRequest *in = rpc_call_request(call);
	const char *role = system_role_name(in->system_role != NULL ? in->system_role : "");
	const struct wanted w = { in->host_id,         role,
		                  in->hostname,        in->addresses,
		                  in->addresses_count, in->ssh_public_key,
		                  in->tls_public_key };
	struct join *j = join_new(call);
	struct err err;
	int rc = 0;

	if (j == NULL)
		return;
	j->host.joined = authd_now(j->authd);
	if (role == NULL || strcmp(role, "Auth") == 0)
		rc = err_set(&err, ERR_INVALID, "system_role: nothing joins as '%s'",
		             in->system_role != NULL ? in->system_role : "");
	else if (w.host_id == NULL || !resource_is_uuid(w.host_id))
		rc = err_set(&err, ERR_INVALID, "host_id: not a UUID");
	if (rc == 0)
		rc = check_token(j, in, &w, &err);
	if (rc == 0)
		rc = start(j, &w, &err);
	if (rc != 0)
		fail(j, &err);
}

/* --- RenewHost ------------------------------------------------------------------------------- */

/* Only who has joined, and was not removed since, in the role it joined with. */
static int check_member(struct join *j, const pv_Identity *id, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	pv_StoredHost had;
	int rc = secrets_load(j->authd, secrets_host_key(key, id->host_id), &pv_StoredHost_table,
	                      &had, &j->host_revision, err);

	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_DENIED, "this host was removed");
	if (rc != 0)
		return rc;
	if (!str_eq(had.system_role, id->system_role))
		rc = err_set(err, ERR_DENIED, "this host has not joined as a %s", id->system_role);
	j->host.joined = had.joined;
	fields_release(&pv_StoredHost_table, &had);
	return rc;
}

void handle_renew_host(struct rpc_call *call)
{
	const pv_RenewHostRequest *in = rpc_call_request(call);
	const pv_Identity *id = &caller_of(call)->identity;
	const struct wanted w = { id->host_id,       id->system_role,     in->hostname,
		                  in->addresses,     in->addresses_count, in->ssh_public_key,
		                  in->tls_public_key };
	struct join *j = join_new(call);
	struct err err;
	int rc;

	if (j == NULL)
		return;
	j->renewal = true;
	rc = check_member(j, id, &err);
	if (rc == 0)
		rc = start(j, &w, &err);
	if (rc != 0)
		fail(j, &err);
}

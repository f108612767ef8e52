/*
 * validate - ValidateTrustedCluster, on the root: a leaf shows a token and its host authority, and
 * becomes a remote_cluster.
 *
 *   checked --> WRITING: token used, authority and remote_cluster made --> AUDITING --> answer
 *
 * The answer tells the leaf our authorities' public halves, which are nobody's secret.
 */
#include "authd/access/caller.h"
#include "authd/access/limits.h"
#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/cluster.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/hosts/tokens.h"
#include "authd/trust/calls.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/foreign_authority.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_ROLE "Trusted_cluster"

struct validate {
	struct pending pending;
	struct authd *authd;
	struct token token;
	pv_CertAuthority leaf;
	char addr[64]; /* of who asks */
	struct err err;
	pv_ValidateTrustedClusterResponse answer;
};

static void finish(struct validate *v, const struct err *err)
{
	pending_end(&v->pending, &v->answer, err);
	fields_release(&pv_ValidateTrustedClusterResponse_table, &v->answer);
	fields_release(&pv_CertAuthority_table, &v->leaf);
	token_deinit(&v->token);
	free(v);
}

/* --- AUDITING -------------------------------------------------------------------------------- */

static void on_audited(void *arg, const struct err *err)
{
	struct validate *v = arg;

	finish(v, v->err.code != 0 ? &v->err : err);
}

static void audit(struct validate *v)
{
	char *role = audit_text(TOKEN_ROLE);
	struct audit_event e;
	struct err err;

	audit_event_init(&e, AUDIT_INSTANCE_JOIN, v->err.code == 0, authd_now(v->authd));
	e.pb.server_hostname = v->leaf.metadata.name;
	e.pb.roles = &role;
	e.pb.roles_count = 1;
	e.pb.method = audit_text("token");
	e.pb.name = v->token.stored.id;
	e.pb.addr_remote = v->addr;
	if (v->err.code != 0)
		e.pb.error = v->err.msg;
	if (audit_log_write(v->authd->audit, &e.pb, 1, on_audited, v, &err) != 0)
		finish(v, &err);
}

static void fail(struct validate *v, const struct err *err)
{
	v->err = *err;
	audit(v);
}

/* --- WRITING --------------------------------------------------------------------------------- */

static int fill_answer(struct validate *v, struct err *err)
{
	pv_ValidateTrustedClusterResponse *answer = &v->answer;

	if (fields_set_str(&answer->cluster_name, v->authd->conf.cluster_name, err) != 0)
		return err->code;
	return authorities_copy(&v->authd->authorities, &answer->authorities,
	                        &answer->authorities_count, err);
}

static void on_written(void *arg, uint64_t revision, const struct err *failure)
{
	struct validate *v = arg;
	struct err err;

	(void)revision;
	if (failure != NULL && failure->code == ERR_EXISTS) {
		err_set(&err, ERR_EXISTS, "cluster '%s' is known here already",
		        v->leaf.metadata.name);
		failure = &err;
	} else if (failure != NULL &&
	           (failure->code == ERR_CONFLICT || failure->code == ERR_NOT_FOUND)) {
		err_set(&err, ERR_DENIED, "the join token was used already");
		failure = &err;
	}
	if (failure == NULL && fill_answer(v, &err) != 0)
		failure = &err;
	if (failure != NULL)
		fail(v, failure);
	else
		audit(v);
}

/* The record of a leaf, named by its authority's. */
static int make_remote(const struct validate *v, pv_Resource *out, struct err *err)
{
	out->which_of = pv_Resource_remote_cluster_tag;
	resource_metadata(out);
	if (fields_set_str(&out->of.remote_cluster.metadata.name, v->leaf.metadata.name, err) != 0)
		return err->code;
	out->of.remote_cluster.has_status = true;
	if (fields_set_str(&out->of.remote_cluster.status.connection, "offline", err) != 0)
		return err->code;
	return resource_validate(out, err);
}

static int add_resource(struct validate *v, const pv_Resource *r, char key[RESOURCE_KEY_SIZE],
                        struct buf *bytes, struct keyspace_op *op, struct err *err)
{
	if (resource_key_of(key, r, err) != 0 || resource_bytes(v->authd, key, r, bytes, err) != 0)
		return err->code;
	*op = keyspace_op_create(key, bytes->data, bytes->len, 0);
	return 0;
}

static int write_leaf(struct validate *v, const char *token, struct err *err)
{
	pv_Resource authority = { .which_of = pv_Resource_cert_authority_tag,
		                  .of.cert_authority = v->leaf /* borrowed */ };
	pv_Resource remote = pv_Resource_init_zero;
	char keys[2][RESOURCE_KEY_SIZE];
	struct buf bytes[2] = { { 0 }, { 0 } };
	struct keyspace_op ops[2 + TOKEN_USE_OPS];
	struct token_use use = { 0 };
	size_t count = 2;
	int rc = make_remote(v, &remote, err);

	if (rc == 0)
		rc = add_resource(v, &authority, keys[0], &bytes[0], &ops[0], err);
	if (rc == 0)
		rc = add_resource(v, &remote, keys[1], &bytes[1], &ops[1], err);
	if (rc == 0)
		rc = token_use(&v->token, token, v->leaf.metadata.name, &use, ops, &count, err);
	if (rc == 0)
		rc = keyspace_write(v->authd->keyspace, ops, count, on_written, v, err);
	token_use_deinit(&use);
	resource_deinit(&remote);
	buf_deinit(&bytes[0]);
	buf_deinit(&bytes[1]);
	return rc;
}

/* --- checking -------------------------------------------------------------------------------- */

static int check_token(struct validate *v, const char *value, struct err *err)
{
	const pv_TokenSpec *spec = &v->token.resource.of.token.spec;

	if (token_load(v->authd, value, &v->token, err) != 0)
		return err->code;
	if (v->token.resource.which_of == 0)
		return err_set(err, ERR_DENIED, "the join token was used already");
	if (!str_in(TOKEN_ROLE, spec->roles, spec->roles_count))
		return err_set(err, ERR_DENIED, "the join token is not for a trusted cluster");
	return 0;
}

/* A cluster that we trust ourselves is none that may trust us, and the other way round. */
static int check_unknown(struct authd *a, const char *name, struct err *err)
{
	pv_Resource r = pv_Resource_init_zero;
	struct err ignored;
	int rc;

	if (str_eq(name, a->conf.cluster_name))
		return err_set(err, ERR_DENIED, "'%s' is our own name", name);
	rc = resource_load(a, resource_kind_find("trusted_cluster"), NULL, name, &r, &ignored);
	resource_deinit(&r);
	if (rc == 0)
		return err_set(err, ERR_EXISTS, "cluster '%s' is one that we trust", name);
	return rc == ERR_NOT_FOUND ? 0 : err_copy(err, &ignored);
}

static int read_leaf(struct validate *v, const pv_ValidateTrustedClusterRequest *in,
                     struct err *err)
{
	const pv_CertAuthority *ca = in->authorities;
	const char *name;

	if (in->authorities_count != 1)
		return err_set(err, ERR_INVALID, "exactly one authority is wanted, not %u",
		               (unsigned)in->authorities_count);
	name = ca->spec.cluster_name != NULL ? ca->spec.cluster_name : "";
	if (cluster_check_name(name, err) != 0 || check_unknown(v->authd, name, err) != 0 ||
	    foreign_authority_read(ca, "host", name, &v->leaf, err) != 0)
		return err->code;
	if (foreign_authority_is_known(&v->leaf, v->authd->authorities.trust))
		return err_set(err, ERR_DENIED, "the keys of '%s' are those of another cluster",
		               name);
	return 0;
}

static int check_root(const struct authd *a, const char *meant, struct err *err)
{
	if (str_eq(meant, a->conf.cluster_name))
		return 0;
	return err_set(err, ERR_INVALID, "this is cluster '%s', not '%s'", a->conf.cluster_name,
	               meant != NULL ? meant : "");
}

/* A proxy says for whom it asks; those are counted as if they had come themselves. */
static int note_addr(struct validate *v, const pv_ValidateTrustedClusterRequest *in,
                     struct err *err)
{
	const struct peer *peer = caller_of(v->pending.call);

	str_copy(v->addr, sizeof(v->addr), peer->addr);
	if (!peer_is_host(peer, "Proxy") || str_empty(in->client_addr))
		return 0;
	str_copy(v->addr, sizeof(v->addr), in->client_addr);
	return limits_take_address(v->authd, v->addr, err);
}

void handle_validate_trusted_cluster(struct rpc_call *call)
{
	const pv_ValidateTrustedClusterRequest *in = rpc_call_request(call);
	const char *token = in->token != NULL ? in->token : "";
	struct validate *v = calloc(1, sizeof(*v));
	struct err err;
	int rc;

	if (v == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	v->authd = authd_of(call);
	pending_begin(&v->pending, call);
	rc = note_addr(v, in, &err);
	if (rc == 0)
		rc = check_token(v, token, &err);
	if (rc == 0)
		rc = check_root(v->authd, in->cluster_name, &err);
	if (rc == 0)
		rc = read_leaf(v, in, &err);
	if (rc == 0)
		rc = write_leaf(v, token, &err);
	if (rc != 0)
		fail(v, &err);
}

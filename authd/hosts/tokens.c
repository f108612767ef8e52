#include "authd/hosts/tokens.h"

#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"
#include "authd/core/pending.h"
#include "authd/core/resource_store.h"
#include "authd/core/secrets.h"
#include "authd/hosts/calls.h"

#include "audit/audit.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "crypto/secret.h"
#include "model/resource.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"
#include "proto/resource.fields.h"
#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define ID_BYTES 8

/* --- hiding and finding the value ------------------------------------------------------------ */

int tokens_hide_value(struct authd *a, pv_Token *token, struct companions *out, struct err *err)
{
	char id[2 * ID_BYTES + 1], key[SECRETS_KEY_SIZE];
	int64_t expires = token->metadata.expires;
	pv_StoredToken stored = { .id = id };
	pv_StoredTokenId back = { 0 };
	uint8_t hash[HASH_SIZE];
	int rc;

	if (strlen(token->metadata.name) < TOKEN_VALUE_MIN)
		return err_set(err, ERR_INVALID, "a token's value has at least %d bytes",
		               TOKEN_VALUE_MIN);
	rand_hex(id, ID_BYTES);
	secrets_hash(token->metadata.name, hash);
	if (secrets_load(a, secrets_token_key(key, hash), &pv_StoredToken_table, &stored, NULL,
	                 err) == 0) {
		fields_release(&pv_StoredToken_table, &stored);
		return err_set(err, ERR_EXISTS, "there is such a token already");
	}
	stored = (pv_StoredToken){ .id = id };
	rc = fields_set_bytes(&back.hash, hash, sizeof(hash), err);
	if (rc == 0)
		rc = companions_add_create(out, key, &pv_StoredToken_table, &stored, expires, err);
	if (rc == 0)
		rc = companions_add_create(out, secrets_token_id_key(key, id),
		                           &pv_StoredTokenId_table, &back, expires, err);
	free(back.hash);
	secret_str_free(token->metadata.name);
	token->metadata.name = strdup(id);
	return token->metadata.name != NULL ? rc : err_set_nomem(err);
}

/* The hash behind an id; or the hash of the value itself, and its id. */
static int find(struct authd *a, const char *id_or_value, uint8_t hash[HASH_SIZE], char **out_id,
                struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	pv_StoredTokenId back;
	pv_StoredToken stored;
	int rc = secrets_load(a, secrets_token_id_key(key, id_or_value), &pv_StoredTokenId_table,
	                      &back, NULL, err);

	if (rc == 0) {
		if (back.hash != NULL && back.hash->size == HASH_SIZE)
			memcpy(hash, back.hash->bytes, HASH_SIZE);
		fields_release(&pv_StoredTokenId_table, &back);
		*out_id = strdup(id_or_value);
		return *out_id != NULL ? 0 : err_set_nomem(err);
	}
	if (rc != ERR_NOT_FOUND)
		return rc;
	secrets_hash(id_or_value, hash);
	rc = secrets_load(a, secrets_token_key(key, hash), &pv_StoredToken_table, &stored, NULL,
	                  err);
	if (rc != 0)
		return rc == ERR_NOT_FOUND ? err_set(err, rc, "no such token '%s'", id_or_value)
		                           : rc;
	*out_id = stored.id;
	stored.id = NULL;
	fields_release(&pv_StoredToken_table, &stored);
	return 0;
}

int tokens_find(struct authd *a, pv_Token *token, struct companions *out, struct err *err)
{
	const struct keyspace_op extend = keyspace_op_extend(NULL, token->metadata.expires);
	uint8_t hash[HASH_SIZE] = { 0 };
	char key[SECRETS_KEY_SIZE];
	char *id = NULL;
	int rc = find(a, token->metadata.name, hash, &id, err);

	if (rc != 0)
		return rc;
	secret_str_free(token->metadata.name);
	token->metadata.name = id;
	rc = companions_add(out, extend, secrets_token_key(key, hash), err);
	return rc == 0 ? companions_add(out, extend, secrets_token_id_key(key, id), err) : rc;
}

int tokens_forget(struct authd *a, const char *id_or_value, struct companions *out, char **out_id,
                  struct err *err)
{
	const struct keyspace_op remove = { .action = KEYSPACE_DELETE };
	uint8_t hash[HASH_SIZE] = { 0 };
	char key[SECRETS_KEY_SIZE];
	char *id = NULL;
	int rc = find(a, id_or_value, hash, &id, err);

	if (rc == 0)
		rc = companions_add(out, remove, secrets_token_key(key, hash), err);
	if (rc == 0)
		rc = companions_add(out, remove, secrets_token_id_key(key, id), err);
	if (rc == 0)
		*out_id = id;
	else
		free(id);
	return rc;
}

int token_load(struct authd *a, const char *value, struct token *out, struct err *err)
{
	struct keyspace_item item;
	char key[SECRETS_KEY_SIZE], resource_at[RESOURCE_KEY_SIZE];
	uint8_t hash[HASH_SIZE];
	int rc;

	*out = (struct token){ 0 };
	secrets_hash(value, hash);
	rc = secrets_load(a, secrets_token_key(key, hash), &pv_StoredToken_table, &out->stored,
	                  &out->stored_revision, err);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_DENIED, "the join token is not valid, or has expired");
	if (rc == 0)
		rc = resource_key(resource_at, resource_kind_find("token"), NULL, out->stored.id,
		                  err);
	if (rc == 0)
		rc = keyspace_get(a->keyspace, resource_at, &item, err);
	if (rc == ERR_NOT_FOUND)
		return 0; /* used up */
	if (rc != 0)
		return rc;
	rc = resource_of_item(&item, &out->resource, err);
	out->revision = item.revision;
	out->expires = item.expires;
	keyspace_item_deinit(&item);
	return rc;
}

void token_deinit(struct token *t)
{
	fields_release(&pv_StoredToken_table, &t->stored);
	resource_deinit(&t->resource);
}

int token_use(const struct token *t, const char *value, const char *used_by, struct token_use *u,
              struct keyspace_op *ops, size_t *count, struct err *err)
{
	pv_StoredToken used = { .id = t->stored.id, .used_by = (char *)(uintptr_t)used_by };
	uint8_t hash[HASH_SIZE];

	if (!t->resource.of.token.spec.single_use)
		return 0;
	secrets_hash(value, hash);
	secrets_token_key(u->secret_key, hash);
	if (resource_key(u->key, resource_kind_find("token"), NULL, t->stored.id, err) != 0 ||
	    fields_encode(&pv_StoredToken_table, &used, &u->bytes, err) != 0)
		return err->code;
	ops[(*count)++] = keyspace_op_delete_at(u->key, t->revision);
	ops[(*count)++] = keyspace_op_update_at(u->secret_key, t->stored_revision, u->bytes.data,
	                                        u->bytes.len, t->expires);
	return 0;
}

void token_use_deinit(struct token_use *u)
{
	buf_wipe(&u->bytes);
}

/* --- CreateToken ----------------------------------------------------------------------------- */

struct create {
	struct pending pending;
	struct authd *authd;
	char value[RESOURCE_NAME_MAX + 1];
	pv_Resource resource;
	pv_CreateTokenResponse answer;
};

static void finish(struct create *op, const struct err *err)
{
	pending_end(&op->pending, &op->answer, err);
	fields_release(&pv_CreateTokenResponse_table, &op->answer);
	resource_deinit(&op->resource);
	explicit_bzero(op->value, sizeof(op->value));
	free(op);
}

static int add_proxy(void *arg, const struct keyspace_item *item)
{
	pv_CreateTokenResponse *answer = arg;
	pv_Resource r;
	struct err err;
	int rc = resource_of_item(item, &r, &err);

	if (rc != 0)
		return 0; /* one that cannot be read is not worth telling */
	for (size_t i = 0; rc == 0 && i < r.of.proxy.spec.public_addrs_count; i++)
		rc = fields_add_str(&answer->proxy_addrs, &answer->proxy_addrs_count,
		                    r.of.proxy.spec.public_addrs[i], &err);
	resource_deinit(&r);
	return rc;
}

/* The token as the administrator may see it this once: its name is the value. */
static int fill_answer(struct create *op, struct err *err)
{
	const struct keyspace_query proxies = { .prefix = "/proxies/" };
	const struct authd_conf *conf = &op->authd->conf;
	pv_CreateTokenResponse *answer = &op->answer;
	struct strlist pins = { 0 };
	int rc = fields_clone(&pv_Token_table, &op->resource.of.token, &answer->token, err);

	answer->has_token = true;
	if (rc == 0)
		rc = fields_set_str(&answer->token.metadata.name, op->value, err);
	if (rc == 0)
		rc = fields_set_str(&answer->cluster_name, conf->cluster_name, err);
	if (rc == 0)
		rc = authorities_pins(&op->authd->authorities, &pins, err);
	for (size_t i = 0; rc == 0 && i < pins.count; i++)
		rc = fields_add_str(&answer->ca_pins, &answer->ca_pins_count, pins.items[i], err);
	for (size_t i = 0; rc == 0 && i < conf->public_addrs.count; i++)
		rc = fields_add_str(&answer->auth_addrs, &answer->auth_addrs_count,
		                    conf->public_addrs.items[i], err);
	if (rc == 0)
		rc = keyspace_each(op->authd->keyspace, &proxies, add_proxy, answer, NULL, err);
	strlist_deinit(&pins);
	return rc;
}

static void on_created(void *arg, uint64_t revision, const struct err *failure)
{
	struct create *op = arg;
	struct audit_event e;
	struct err err;

	(void)revision;
	if (failure == NULL && op->pending.call != NULL) {
		audit_event_init(&e, AUDIT_JOIN_TOKEN_CREATE, true, authd_now(op->authd));
		audit_log_caller(&e, op->pending.call);
		e.pb.name = op->resource.of.token.metadata.name;
		e.pb.roles_count = op->resource.of.token.spec.roles_count;
		e.pb.roles = op->resource.of.token.spec.roles;
		e.pb.expires = op->resource.of.token.metadata.expires;
		audit_log_report(op->authd, &e);
		if (fill_answer(op, &err) != 0)
			failure = &err;
	}
	finish(op, failure);
}

static int fill_token(struct create *op, const pv_CreateTokenRequest *in, struct err *err)
{
	pv_Token *token = &op->resource.of.token;
	char random[SECRET_TOKEN_SIZE];
	int rc;

	if (in->ttl < 0 || in->ttl > TOKEN_TTL_MAX)
		return err_set(err, ERR_INVALID, "ttl: a token is good for at most 48 hours");
	secret_token(random);
	rc = str_copy(op->value, sizeof(op->value), str_empty(in->value) ? random : in->value);
	explicit_bzero(random, sizeof(random));
	if (rc != 0)
		return err_set(err, ERR_INVALID, "the value is too long");
	op->resource.which_of = pv_Resource_token_tag;
	resource_metadata(&op->resource)->expires =
	        authd_now(op->authd) + (in->ttl > 0 ? in->ttl : op->authd->conf.token_ttl);
	token->spec.single_use = !in->reusable;
	rc = fields_set_str(&token->metadata.name, op->value, err);
	for (size_t i = 0; rc == 0 && i < in->roles_count; i++)
		rc = fields_add_str(&token->spec.roles, &token->spec.roles_count, in->roles[i],
		                    err);
	return rc == 0 ? resource_validate(&op->resource, err) : rc;
}

static int write_token(struct create *op, struct err *err)
{
	pv_Token *token = &op->resource.of.token;
	struct companions with = { 0 };
	struct keyspace_op ops[1 + COMPANIONS_MAX];
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	int rc = tokens_hide_value(op->authd, token, &with, err);

	if (rc == 0)
		rc = resource_key_of(key, &op->resource, err);
	if (rc == 0)
		rc = resource_bytes(op->authd, key, &op->resource, &bytes, err);
	if (rc == 0) {
		ops[0] = keyspace_op_create(key, bytes.data, bytes.len, token->metadata.expires);
		memcpy(ops + 1, with.ops, with.count * sizeof(*ops));
		rc = keyspace_write(op->authd->keyspace, ops, 1 + with.count, on_created, op, err);
	}
	companions_deinit(&with);
	buf_deinit(&bytes);
	return rc;
}

void handle_create_token(struct rpc_call *call)
{
	const pv_CreateTokenRequest *in = rpc_call_request(call);
	struct create *op = calloc(1, sizeof(*op));
	struct err err;

	if (op == NULL) {
		err_set_nomem(&err);
		rpc_call_fail(call, &err);
		return;
	}
	op->authd = authd_of(call);
	pending_begin(&op->pending, call);
	if (fill_token(op, in, &err) != 0 || write_token(op, &err) != 0)
		finish(op, &err);
}

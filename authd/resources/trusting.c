#include "authd/resources/trusting.h"

#include "authd/core/authd.h"
#include "authd/core/resource_secrets.h"
#include "authd/trust/exchange.h"
#include "authd/trust/trusted.h"

#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/cluster.fields.h"
#include "proto/resource.fields.h"

#include <stdlib.h>

/* --- before the write ------------------------------------------------------------------------ */

/* The token that is there was used for the exchange; another one would be for nothing. */
static int check_token(struct authd *a, const pv_Resource *old, const pv_TrustedCluster *now,
                       struct err *err)
{
	pv_Resource whole;
	int rc;

	if (str_empty(now->spec.token))
		return 0;
	if (fields_clone(&pv_Resource_table, old, &whole, err) != 0)
		return err->code;
	rc = resource_secrets_add(a, &whole, err);
	if (rc == 0 && !str_eq(whole.of.trusted_cluster.spec.token, now->spec.token))
		rc = err_set(err, ERR_INVALID,
		             "spec.token: cannot change; remove the trusted_cluster and create it "
		             "anew with it");
	resource_deinit(&whole);
	return rc;
}

static int prepare_new(struct change *c, struct change_item *item, struct err *err)
{
	const pv_TrustedCluster *now = &item->resource.of.trusted_cluster;
	pv_TrustedCluster *copy;

	if (trusted_check_new(c->authd, now, err) != 0)
		return err->code;
	copy = calloc(1, sizeof(*copy));
	if (copy == NULL)
		return err_set_nomem(err);
	if (fields_clone(&pv_TrustedCluster_table, now, copy, err) != 0) {
		free(copy);
		return err->code;
	}
	item->trust = copy;
	return 0;
}

int trusting_prepare(struct change *c, struct change_item *item, const pv_Resource *old,
                     bool replace, struct err *err)
{
	const pv_TrustedCluster *now = &item->resource.of.trusted_cluster;

	if (item->kind->tag != pv_Resource_trusted_cluster_tag)
		return 0;
	if (old == NULL)
		return prepare_new(c, item, err);
	if (!replace) /* it is there: refused in a moment */
		return 0;
	if (check_token(c->authd, old, now, err) != 0)
		return err->code;
	return trusted_of_update(c->authd, &old->of.trusted_cluster, now, &item->companions, err);
}

/* --- the exchange ---------------------------------------------------------------------------- */

static struct change_item *find_item(struct change *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].trust != NULL)
			return &c->items[i];
	return NULL;
}

static void on_exchanged(void *owner, const pv_CertAuthority *authorities, const struct err *err)
{
	struct change *c = owner;
	struct change_item *item = find_item(c);
	struct err failure = { 0 };

	if (err != NULL)
		failure = *err;
	else if (trusted_of_create(item->trust, authorities, &item->companions, &failure) == 0)
		change_write(c, &failure);
	if (failure.code == 0)
		return;
	c->answer(c, &failure);
	change_free(c);
}

static int check_one(const struct change *c, const struct change_item *item, struct err *err)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].trust != NULL && &c->items[i] != item)
			return err_set(err, ERR_INVALID,
			               "more than one new trusted_cluster: create one at a time");
	return 0;
}

int trusting_start(struct change *c, struct rpc_call *call, struct err *err)
{
	struct change_item *item = find_item(c);

	if (item == NULL)
		return change_start(c, call, err);
	if (check_one(c, item, err) != 0 ||
	    exchange_start(c->authd, item->trust, on_exchanged, c, err) != 0)
		return err->code;
	pending_begin(&c->pending, call);
	return 0;
}

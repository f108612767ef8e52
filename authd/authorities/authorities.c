#include "authd/authorities/authorities.h"

#include "authd/authorities/authority_keys.h"
#include "authd/authorities/authority_record.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/pin.h"
#include "crypto/x509.h"
#include "model/resource.h"
#include "model/trust.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdlib.h>

/* --- making and loading ---------------------------------------------------------------------- */

/* An authority with its private halves. */
static int make(pv_CertAuthority *ca, const char *type, const char *cluster, int64_t now,
                struct err *err)
{
	ca->has_metadata = ca->has_spec = ca->spec.has_active_keys = true;
	ca->spec.has_rotation = true;
	ca->spec.rotation.last_rotated = now;
	if (fields_set_str(&ca->kind, "cert_authority", err) != 0 ||
	    fields_set_str(&ca->sub_kind, type, err) != 0 ||
	    fields_set_str(&ca->version, "v2", err) != 0 ||
	    fields_set_str(&ca->metadata.name, cluster, err) != 0 ||
	    fields_set_str(&ca->spec.type, type, err) != 0 ||
	    fields_set_str(&ca->spec.cluster_name, cluster, err) != 0 ||
	    fields_set_str(&ca->spec.rotation.state, "standby", err) != 0)
		return err->code;
	return authority_keys_make(type, cluster, now, &ca->spec.active_keys, err);
}

static int create(struct keyspace *ks, const char *type, const char *cluster, int64_t now,
                  struct err *err)
{
	pv_CertAuthority secret = pv_CertAuthority_init_zero;
	struct authority_write w = { 0 };
	struct keyspace_op ops[2];
	int rc = make(&secret, type, cluster, now, err);

	if (rc == 0)
		rc = authority_record_ops(ks, &secret, 0, &w, ops, err);
	if (rc == 0)
		rc = keyspace_write_wait(ks, ops, 2, NULL, err);
	authority_write_deinit(&w);
	fields_release(&pv_CertAuthority_table, &secret);
	return rc;
}

static int load(struct authority **out, struct keyspace *ks, const char *type, const char *cluster,
                struct err *err)
{
	pv_CertAuthority secret;
	uint64_t revision;
	int rc = authority_record_read(ks, type, cluster, &secret, &revision, err);

	if (rc != 0)
		return rc;
	rc = authority_new(&secret, revision, out, err);
	fields_release(&pv_CertAuthority_table, &secret);
	return rc;
}

static int open_one(struct authority **out, struct keyspace *ks, const char *type,
                    const char *cluster, const struct clock *clock, struct err *err)
{
	int rc = load(out, ks, type, cluster, err);

	if (rc == ERR_NOT_FOUND) {
		rc = create(ks, type, cluster, clock_wall_ms(clock), err);
		if (rc == 0)
			rc = load(out, ks, type, cluster, err);
	}
	return rc == 0 ? 0 : err_wrap(err, "%s authority of '%s'", type, cluster);
}

/* --- whom to trust --------------------------------------------------------------------------- */

struct others_walk {
	const char *cluster; /* ours */
	struct authorities *to;
	struct err *err;
};

static int take_other(void *arg, const struct keyspace_item *item)
{
	struct others_walk *w = arg;
	pv_Resource r;
	struct err ignored;
	int rc = 0;

	if (fields_decode(&pv_Resource_table, item->value, item->len, &r, &ignored) != 0)
		return 0;
	if (r.which_of == pv_Resource_cert_authority_tag &&
	    !str_eq(r.of.cert_authority.spec.cluster_name, w->cluster)) {
		rc = trust_add(w->to->trust, &r.of.cert_authority, w->err);
		w->to->others_count++;
		if (item->revision > w->to->others)
			w->to->others = item->revision;
	}
	resource_deinit(&r);
	return rc == ERR_NOMEM ? rc : 0;
}

/* Fills in what `all` trusts, from its two and the keyspace. */
static int make_trust(struct authorities *all, struct keyspace *ks, const char *cluster,
                      struct err *err)
{
	const struct keyspace_query query = { .prefix = "/authorities/" };
	struct others_walk walk = { cluster, all, err };
	int rc = trust_new(cluster, &all->trust, err);

	if (rc == 0)
		rc = trust_add(all->trust, &all->user->resource, err);
	if (rc == 0)
		rc = trust_add(all->trust, &all->host->resource, err);
	if (rc == 0)
		rc = keyspace_each(ks, &query, take_other, &walk, NULL, err);
	return rc;
}

int authorities_open(struct authorities *all, struct keyspace *ks, const char *cluster,
                     const struct clock *clock, struct err *err)
{
	if (open_one(&all->user, ks, "user", cluster, clock, err) == 0 &&
	    open_one(&all->host, ks, "host", cluster, clock, err) == 0 &&
	    make_trust(all, ks, cluster, err) == 0)
		return 0;
	authorities_deinit(all);
	return err->code;
}

void authorities_deinit(struct authorities *all)
{
	authority_unref(all->user);
	authority_unref(all->host);
	trust_unref(all->trust);
	*all = (struct authorities){ 0 };
}

static bool same(const struct authorities *a, const struct authorities *b)
{
	return a->user->revision == b->user->revision && a->host->revision == b->host->revision &&
	       a->others == b->others && a->others_count == b->others_count;
}

int authorities_reload(struct authorities *all, struct keyspace *ks, const char *cluster,
                       bool *out_changed, struct err *err)
{
	struct authorities fresh = { 0 };

	if (load(&fresh.user, ks, "user", cluster, err) != 0 ||
	    load(&fresh.host, ks, "host", cluster, err) != 0 ||
	    make_trust(&fresh, ks, cluster, err) != 0) {
		authorities_deinit(&fresh);
		return err_wrap(err, "read the authorities anew");
	}
	*out_changed = !same(all, &fresh);
	authorities_deinit(all);
	*all = fresh;
	return 0;
}

/* --- for others ------------------------------------------------------------------------------ */

int authorities_copy(const struct authorities *all, pv_CertAuthority **out, pb_size_t *out_count,
                     struct err *err)
{
	pv_CertAuthority *copies = calloc(2, sizeof(*copies));

	if (copies == NULL)
		return err_set_nomem(err);
	if (fields_clone(&pv_CertAuthority_table, &all->user->resource, &copies[0], err) != 0 ||
	    fields_clone(&pv_CertAuthority_table, &all->host->resource, &copies[1], err) != 0) {
		fields_release(&pv_CertAuthority_table, &copies[0]);
		free(copies);
		return err->code;
	}
	*out = copies;
	*out_count = 2;
	return 0;
}

int authorities_pins(const struct authorities *all, struct strlist *out, struct err *err)
{
	char text[PIN_TEXT_SIZE];

	for (size_t i = 0; i < all->host->trusted_count; i++) {
		pin_format(&x509_info(all->host->trusted[i])->pin, text);
		if (strlist_add(out, text, err) != 0)
			return err->code;
	}
	return 0;
}

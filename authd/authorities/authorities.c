#include "authd/authorities/authorities.h"

#include "authd/authorities/authority_keys.h"
#include "authd/authorities/authority_record.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/strlist.h"
#include "crypto/pin.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
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

int authorities_open(struct authorities *all, struct keyspace *ks, const char *cluster,
                     const struct clock *clock, struct err *err)
{
	if (open_one(&all->user, ks, "user", cluster, clock, err) == 0 &&
	    open_one(&all->host, ks, "host", cluster, clock, err) == 0)
		return 0;
	authorities_deinit(all);
	return err->code;
}

void authorities_deinit(struct authorities *all)
{
	authority_unref(all->user);
	authority_unref(all->host);
	*all = (struct authorities){ 0 };
}

static void replace(struct authority **now, struct authority *take_fresh)
{
	authority_unref(*now);
	*now = take_fresh;
}

int authorities_reload(struct authorities *all, struct keyspace *ks, const char *cluster,
                       bool *out_changed, struct err *err)
{
	struct authority *user = NULL;
	struct authority *host = NULL;

	if (load(&user, ks, "user", cluster, err) != 0 ||
	    load(&host, ks, "host", cluster, err) != 0) {
		authority_unref(user);
		return err_wrap(err, "read the authorities anew");
	}
	*out_changed =
	        user->revision != all->user->revision || host->revision != all->host->revision;
	replace(&all->user, user);
	replace(&all->host, host);
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

int authorities_trust(const struct authorities *all, struct x509_set **out, struct err *err)
{
	struct x509_set *set;

	if (x509_set_new(&set, err) != 0)
		return err->code;
	if (authority_add_to(all->user, set, err) != 0 ||
	    authority_add_to(all->host, set, err) != 0) {
		x509_set_unref(set);
		return err->code;
	}
	*out = set;
	return 0;
}

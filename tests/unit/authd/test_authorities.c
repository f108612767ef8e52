/*
 * The cluster's authorities, authd's own key, and prefaces that are believed by them.
 */
#include "authd/authorities/authorities.h"

#include "authd/core/authd.h"
#include "authd/core/own.h"

#include "tests/unit/keyspace_fixture.h"

#include "base/buf.h"
#include "base/strlist.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/pubkey.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "daemon/forwarded.h"
#include "model/identity.h"
#include "model/trust.h"
#include "model/resource.h"
#include "wire/preface.h"

#define CLUSTER "example"
#define FROM    "198.51.100.1:40000" /* who forwards */

static struct authorities open_authorities(struct fixture *f)
{
	struct authorities all = { 0 };

	assert_int_equal(authorities_open(&all, f->ks, CLUSTER, &f->clock.clock, &f->err), 0);
	return all;
}

static bool has_private_half(const pv_CaKeys *keys)
{
	for (size_t i = 0; i < keys->ssh_count; i++)
		if (keys->ssh[i].private_key != NULL)
			return true;
	for (size_t i = 0; i < keys->tls_count; i++)
		if (keys->tls[i].key != NULL)
			return true;
	return false;
}

static void the_first_start_makes_them_and_later_ones_find_them(void **state)
{
	struct fixture *f = *state;
	struct authorities first = open_authorities(f);
	struct authorities second;
	char pins[2][PIN_TEXT_SIZE];

	pin_format(&x509_info(first.host->client.tls_cert)->pin, pins[0]);
	authorities_deinit(&first);
	keyspace_close(f->ks);
	fixture_open(f);
	second = open_authorities(f);
	pin_format(&x509_info(second.host->client.tls_cert)->pin, pins[1]);
	assert_string_equal(pins[0], pins[1]);
	authorities_deinit(&second);
}

static void all_keys_differ(void **state)
{
	struct fixture *f = *state;
	struct authorities all = open_authorities(f);
	const struct key *keys[] = { all.user->client.tls_key, all.user->client.ssh_key,
		                     all.host->client.tls_key, all.host->client.ssh_key };

	for (size_t i = 0; i < 4; i++)
		for (size_t j = i + 1; j < 4; j++)
			assert_false(pubkey_equal(key_public(keys[i]), key_public(keys[j])));
	authorities_deinit(&all);
}

static int find_private_key(void *arg, const struct keyspace_item *item)
{
	const struct buf *secret = arg;

	if (strncmp(item->key, KEYSPACE_SECRETS, strlen(KEYSPACE_SECRETS)) == 0)
		return 0;
	return memmem(item->value, item->len, secret->data, secret->len) != NULL;
}

static void private_halves_are_under_secrets_only(void **state)
{
	struct fixture *f = *state;
	struct authorities all = open_authorities(f);
	struct keyspace_query everything = { 0 };
	const struct keyspace_event *event;
	struct keyspace_watch *w = watch(f, NULL, 1);
	pv_CertAuthority *copies;
	struct buf secret = { 0 };
	pb_size_t count;

	assert_int_equal(key_append_der(all.user->client.tls_key, &secret, &f->err), 0);
	assert_int_equal(
	        keyspace_each(f->ks, &everything, find_private_key, &secret, NULL, &f->err), 0);
	while (keyspace_watch_next(w, &event, &f->err) == 0 && event != NULL)
		assert_int_equal(find_private_key(&secret, &event->item), 0);
	keyspace_watch_close(w);
	assert_false(has_private_half(&all.user->resource.spec.active_keys));
	assert_int_equal(authorities_copy(&all, &copies, &count, &f->err), 0);
	assert_int_equal(count, 2);
	for (pb_size_t i = 0; i < count; i++) {
		pv_Resource r = { .which_of = pv_Resource_cert_authority_tag,
			          .of.cert_authority = copies[i] };

		assert_false(has_private_half(&copies[i].spec.active_keys));
		resource_deinit(&r);
	}
	free(copies);
	buf_wipe(&secret);
	authorities_deinit(&all);
}

/* --- authd's own certificate ------------------------------------------------------------------ */

struct daemon_fixture {
	struct fixture *f;
	struct authd a;
	char *listen[1];
	char *public[1];
};

static void daemon_open_parts(struct daemon_fixture *d, struct fixture *f)
{
	static char names[3][32] = { CLUSTER, "[::]:3025", "auth.example.com:443" };

	*d = (struct daemon_fixture){ .f = f, .listen = { names[1] }, .public = { names[2] } };
	d->a.clock = &f->clock.clock;
	d->a.keyspace = f->ks;
	d->a.conf.cluster_name = names[0];
	d->a.conf.listen = (struct conf_list){ d->listen, 1 };
	d->a.conf.public_addrs = (struct conf_list){ d->public, 1 };
	d->a.conf.host_cert_ttl = 3600 * 1000;
	d->a.conf.backdate = 60 * 1000;
	d->a.authorities = open_authorities(f);
	assert_int_equal(own_open(&d->a.own, f->ks, &f->err), 0);
}

static void daemon_close_parts(struct daemon_fixture *d)
{
	own_deinit(&d->a.own);
	authorities_deinit(&d->a.authorities);
}

static void its_own_certificate_is_for_every_name_that_reaches_it(void **state)
{
	static const char *const names[] = { "authd",     "auth." CLUSTER,    "localhost",
		                             "127.0.0.1", "auth.example.com", "::1" };
	struct fixture *f = *state;
	pv_Identity id = pv_Identity_init_zero;
	const struct x509_info *info;
	struct daemon_fixture d;
	struct x509 *cert;

	daemon_open_parts(&d, f);
	assert_int_equal(
	        own_issue(&d.a.own, &d.a.conf, d.a.authorities.host, START_MS, &cert, &f->err), 0);
	info = x509_info(cert);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(x509_is_for_host(info, names[i]));
	assert_false(x509_is_for_host(info, "example.com"));
	assert_int_equal(info->not_before_ms, START_MS - 60 * 1000);
	assert_int_equal(info->not_after_ms, START_MS + 3600 * 1000);
	assert_int_equal(identity_decode(&id, info->identity, info->identity_len, &f->err), 0);
	assert_string_equal(id.system_role, "Auth");
	assert_string_equal(id.host_id, d.a.own.id);
	assert_int_equal(x509_set_verify(trust_clients(d.a.authorities.trust), cert, NULL, 0,
	                                 START_MS, NULL, &f->err),
	                 0);
	identity_deinit(&id);
	x509_unref(cert);
	daemon_close_parts(&d);
}

static void its_id_and_key_stay_the_same(void **state)
{
	struct fixture *f = *state;
	struct own first = { 0 };
	struct own second = { 0 };

	assert_int_equal(own_open(&first, f->ks, &f->err), 0);
	assert_int_equal(own_open(&second, f->ks, &f->err), 0);
	assert_string_equal(first.id, second.id);
	assert_true(pubkey_equal(key_public(first.key), key_public(second.key)));
	own_deinit(&first);
	own_deinit(&second);
}

/* --- prefaces --------------------------------------------------------------------------------- */

/* A host of this system role, certified by `ca`. */
static struct x509 *certify_host(struct fixture *f, const struct authority *ca,
                                 const struct key *key, char *system_role)
{
	static char id_text[] = "6b1b36cb-df32-4cf6-9f7c-3c1c8b4f9d10";
	static char cluster[] = CLUSTER;
	pv_Identity id = { .system_role = system_role,
		           .host_id = id_text,
		           .cluster = cluster,
		           .expires = START_MS + 60000 };
	struct buf identity = { 0 };
	struct x509_spec spec = {
		.subject_key = key_public(key),
		.common_name = "6b1b36cb-df32-4cf6-9f7c-3c1c8b4f9d10." CLUSTER,
		.not_before_ms = START_MS - 60000,
		.not_after_ms = START_MS + 60000,
		.usage = X509_CLIENT,
	};
	struct x509 *cert;

	assert_int_equal(identity_encode(&id, &identity, &f->err), 0);
	spec.identity = identity.data;
	spec.identity_len = identity.len;
	assert_int_equal(x509_issue(&spec, ca->client.tls_cert, ca->client.tls_key, &cert, &f->err),
	                 0);
	buf_deinit(&identity);
	return cert;
}

static void write_preface(struct fixture *f, const struct authority *ca, char *system_role,
                          const char *target, struct buf *out)
{
	static char addr[] = "192.0.2.7:51234";
	pv_PrefacePayload payload = { .client_addr = addr,
		                      .target = (char *)(uintptr_t)target,
		                      .time = START_MS };
	const struct x509 *chain[1];
	struct x509 *cert;
	struct key *key;

	assert_int_equal(key_generate(&key, &f->err), 0);
	cert = certify_host(f, ca, key, system_role);
	chain[0] = cert;
	assert_int_equal(preface_append(&payload, key, chain, 1, out, &f->err), 0);
	x509_unref(cert);
	key_unref(key);
}

static const struct x509_set *host_trust(void *ctx, const char *cluster)
{
	const struct authd *a = ctx;

	return strcmp(cluster, CLUSTER) == 0 ? a->authorities.host->trust : NULL;
}

static struct forwarded *new_forwarded(struct authd *a)
{
	const struct forwarded_conf conf = { a->clock, "auth." CLUSTER, a, host_trust };

	return forwarded_new(&conf);
}

static int take(struct fixture *f, struct forwarded *fw, const struct buf *b,
                struct forwarded_client *client)
{
	size_t used;

	return forwarded_take(fw, b->data, b->len, FROM, client, &used, &f->err);
}

static void a_proxys_preface_tells_whose_connection_it_is_once(void **state)
{
	char proxy[] = "Proxy";
	struct forwarded_client client = { 0 };
	struct fixture *f = *state;
	struct buf b = { 0 };
	struct daemon_fixture d;
	struct forwarded *fw;
	size_t used;

	daemon_open_parts(&d, f);
	fw = new_forwarded(&d.a);
	write_preface(f, d.a.authorities.host, proxy, "auth." CLUSTER, &b);
	assert_int_equal(forwarded_take(fw, b.data, b.len - 1, FROM, &client, &used, &f->err), 0);
	assert_int_equal(used, 0);
	assert_int_equal(forwarded_take(fw, b.data, b.len, FROM, &client, &used, &f->err), 0);
	assert_int_equal(used, b.len);
	assert_string_equal(client.addr, "192.0.2.7:51234");
	assert_int_equal(take(f, fw, &b, &client), ERR_UNAUTHENTICATED);
	buf_deinit(&b);
	forwarded_free(fw);
	daemon_close_parts(&d);
}

static void other_prefaces_are_refused(void **state)
{
	char roles[2][8] = { "Proxy", "Node" };
	struct forwarded_client client = { 0 };
	struct fixture *f = *state;
	struct daemon_fixture d;
	struct forwarded *fw;

	daemon_open_parts(&d, f);
	fw = new_forwarded(&d.a);
	{
		const struct {
			const struct authority *ca;
			char *role;
			const char *target;
			int code;
		} cases[] = {
			{ d.a.authorities.host, roles[1], "auth." CLUSTER, ERR_DENIED },
			{ d.a.authorities.user, roles[0], "auth." CLUSTER, ERR_UNTRUSTED },
			{ d.a.authorities.host, roles[0], "auth.other", ERR_UNAUTHENTICATED },
		};

		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			struct buf b = { 0 };

			write_preface(f, cases[i].ca, cases[i].role, cases[i].target, &b);
			assert_int_equal(take(f, fw, &b, &client), cases[i].code);
			buf_deinit(&b);
		}
	}
	forwarded_free(fw);
	daemon_close_parts(&d);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_start_makes_them_and_later_ones_find_them),
		CASE(all_keys_differ),
		CASE(private_halves_are_under_secrets_only),
		CASE(its_own_certificate_is_for_every_name_that_reaches_it),
		CASE(its_id_and_key_stay_the_same),
		CASE(a_proxys_preface_tells_whose_connection_it_is_once),
		CASE(other_prefaces_are_refused),
	};

	return unit_run(tests);
}

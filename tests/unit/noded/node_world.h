/*
 * node_world - a member of a cluster without the cluster: its folders, certificates and what it
 * remembers of roles and locks. authd may be put at `auth_path` (a unix socket), or stay away.
 */
#ifndef TESTS_UNIT_NODED_NODE_WORLD_H
#define TESTS_UNIT_NODED_NODE_WORLD_H

#include "base/clock.h"
#include "base/str.h"
#include "cache/cache.h"
#include "cache/replica.h"
#include "daemon/host.h"
#include "file/file.h"
#include "daemon/audit_queue.h"
#include "noded/noded.h"
#include "noded/presence.h"
#include "noded/session.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include "tests/unit/pki.h"
#include "tests/unit/streams.h"

#include <stdio.h>

#define NODE_ID "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11"
#define CLUSTER "example.com"

struct node_world {
	uv_loop_t loop;
	struct clock_fake clock;
	struct noded n;
	char dir[64];
	char host_dir[96];
	char cache_path[96];
	char auth_path[96];
	char auth_addr[112];
	const char *addrs[2];
	struct pki host_ca;
	struct pki user_ca;
	struct replica known; /* what the cache's file will hold */
	bool connected;       /* as the host's on_state says */
	void (*on_connected)(struct noded *n);
};

static inline void world_check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->msg);
}

/* --- certificates ---------------------------------------------------------------------------- */

static inline void world_authority(pv_CertAuthority *ca, const char *type, const struct pki *pki)
{
	struct buf pem = { 0 };
	struct err err = { 0 };
	size_t len;

	*ca = (pv_CertAuthority){ .has_spec = true };
	ca->spec.has_active_keys = true;
	world_check(fields_set_str(&ca->spec.type, type, &err), &err);
	world_check(fields_set_str(&ca->spec.cluster_name, CLUSTER, &err), &err);
	ca->spec.active_keys.tls = calloc(1, sizeof(*ca->spec.active_keys.tls));
	ca->spec.active_keys.tls_count = 1;
	x509_append_pem(pki->ca, &pem);
	ca->spec.active_keys.tls[0].cert = (char *)buf_take(&pem, &len);
}

static inline void world_certify(struct node_world *w)
{
	static const char *const hosts[] = { NODE_ID, "localhost" };
	struct x509_spec spec = {
		.common_name = NODE_ID "." CLUSTER,
		.hosts = hosts,
		.host_count = 2,
		.not_before_ms = PKI_NOW - PKI_HOUR,
		.not_after_ms = PKI_NOW + 100 * PKI_HOUR,
		.usage = X509_CLIENT | X509_SERVER,
	};
	pv_JoinResponse answer = pv_JoinResponse_init_zero;
	pv_CertAuthority cas[2];
	struct credentials c;
	struct x509 *cert;
	struct buf pem = { 0 };
	struct err err = { 0 };

	world_check(credentials_open(&c, w->host_dir, &err), &err);
	spec.subject_key = key_public(c.tls_key);
	world_check(x509_issue(&spec, w->host_ca.ca, w->host_ca.key, &cert, &err), &err);
	x509_append_pem(cert, &pem);
	world_authority(&cas[0], "host", &w->host_ca);
	world_authority(&cas[1], "user", &w->user_ca);
	answer.host_id = (char *)(uintptr_t)NODE_ID;
	answer.cluster_name = (char *)(uintptr_t)CLUSTER;
	answer.tls_certificate = (char *)(uintptr_t)buf_str(&pem);
	answer.authorities = cas;
	answer.authorities_count = 2;
	world_check(credentials_store(&c, &answer, &err), &err);
	fields_release(&pv_CertAuthority_table, &cas[0]);
	fields_release(&pv_CertAuthority_table, &cas[1]);
	credentials_deinit(&c);
	x509_unref(cert);
	buf_deinit(&pem);
}

/* --- what it knows --------------------------------------------------------------------------- */

static inline void world_know(struct node_world *w, const pv_Resource *r)
{
	char key[256];
	struct err err = { 0 };
	int changed;

	world_check(replica_put(&w->known, r, key, &changed, &err), &err);
}

/* A role whose spec is this YAML; before world_start(). */
static inline void world_role(struct node_world *w, const char *name, const char *spec)
{
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	char *text =
	        str_printf("{kind: role, version: v4, metadata: {name: %s}, spec: %s}", name, spec);
	struct err err = { 0 };

	assert_non_null(text);
	world_check(fields_from_yaml(&pv_Role_table, name, text, strlen(text), &r.of.role, &err),
	            &err);
	world_know(w, &r);
	fields_release(&pv_Role_table, &r.of.role);
	free(text);
}

static inline void world_lock_user(struct node_world *w, const char *user)
{
	pv_Resource r = { .which_of = pv_Resource_lock_tag };
	char *text = str_printf("{kind: lock, version: v2, metadata: {name: lock-of-%s}, "
	                        "spec: {target: {user: %s}, message: under investigation}}",
	                        user, user);
	struct err err = { 0 };

	assert_non_null(text);
	world_check(fields_from_yaml(&pv_Lock_table, user, text, strlen(text), &r.of.lock, &err),
	            &err);
	world_know(w, &r);
	fields_release(&pv_Lock_table, &r.of.lock);
	free(text);
}

static inline void world_save_known(struct node_world *w)
{
	struct buf bytes = { 0 };
	struct err err = { 0 };

	w->known.revision = 1;
	world_check(replica_write(&w->known, &bytes, &err), &err);
	world_check(file_replace(w->cache_path, bytes.data, bytes.len, 0600, &err), &err);
	buf_deinit(&bytes);
}

/* --- life ------------------------------------------------------------------------------------ */

static inline void world_folders(struct node_world *w)
{
	static const char *const names[] = { "data", "data/spool", "data/events", "run",
		                             "run/sessions" };
	char path[128];
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		world_check(file_make_dir(path, 0700, &err), &err);
	}
}

/* `settings`: more YAML for noded's configuration. */
static inline void world_init(struct node_world *w, const char *settings)
{
	char *text;
	struct err err = { 0 };

	memset(w, 0, sizeof(*w));
	signal(SIGPIPE, SIG_IGN);
	strcpy(w->dir, "/tmp/test_noded.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	world_folders(w);
	snprintf(w->host_dir, sizeof(w->host_dir), "%s/data/host", w->dir);
	snprintf(w->cache_path, sizeof(w->cache_path), "%s/data/cache", w->dir);
	snprintf(w->auth_path, sizeof(w->auth_path), "%s/authd.sock", w->dir);
	snprintf(w->auth_addr, sizeof(w->auth_addr), "unix:%s", w->auth_path);
	w->addrs[0] = w->auth_addr;
	assert_int_equal(uv_loop_init(&w->loop), 0);
	clock_fake_init(&w->clock, PKI_NOW);
	pki_init(&w->host_ca, "host CA");
	pki_init(&w->user_ca, "user CA");
	world_certify(w);
	world_check(replica_init(&w->known, 1 << 20, &err), &err);
	text = str_printf("data_dir: %s/data\nrun_dir: %s/run\nhostname: web-1\n"
	                  "advertise: web-1:3022\n%s",
	                  w->dir, w->dir, settings);
	assert_non_null(text);
	world_check(
	        conf_parse(noded_conf_keys(), "noded.yaml", text, strlen(text), &w->n.conf, &err),
	        &err);
	free(text);
	w->n.loop = &w->loop;
	w->n.clock = &w->clock.clock;
}

static inline void world_on_change(void *ctx, const struct err *why)
{
	(void)ctx;
	(void)why;
}

static inline void world_on_state(void *ctx, const struct err *why)
{
	struct node_world *w = ctx;

	w->connected = why == NULL;
	if (w->connected && w->on_connected != NULL)
		w->on_connected(&w->n);
}

static inline int world_record(void *ctx, pv_Node *out, struct err *err)
{
	return presence_record(((struct node_world *)ctx)->n.presence, out, err);
}

static inline void world_on_announced(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

/* Host, cache, presence, audit queue and sessions, as main() opens them. */
static inline void world_start(struct node_world *w)
{
	static const char *const kinds[] = { "role", "lock", NULL };
	const struct host_conf host = {
		.loop = &w->loop,
		.clock = w->n.clock,
		.dir = w->host_dir,
		.system_role = "Node",
		.hostname = "web-1",
		.auth_addrs = w->addrs,
		.ctx = w,
		.on_change = world_on_change,
		.on_state = world_on_state,
		.record = world_record,
		.record_ttl = w->n.conf.announce_ttl,
		.on_announced = world_on_announced,
	};
	struct err err = { 0 };

	world_save_known(w);
	world_check(host_open(&host, &w->n.host, &err), &err);
	world_check(host_start(w->n.host, &err), &err);
	const struct cache_conf cache = { .loop = &w->loop,
		                          .client = host_client(w->n.host),
		                          .kinds = kinds,
		                          .path = w->cache_path };
	world_check(cache_new(&cache, &w->n.cache, &err), &err);
	world_check(presence_open(&w->n, &w->n.presence, &err), &err);
	world_check(audit_queue_open(w->n.loop, w->n.host, w->n.conf.data_dir, &w->n.audit, &err),
	            &err);
	world_check(sessions_open(&w->n, &w->n.sessions, &err), &err);
	turn_until(&w->loop, presence_labels_known(w->n.presence));
}

/* What main() does at its end; nothing may be left. */
static inline void world_close(struct node_world *w)
{
	char command[96];

	sessions_close(w->n.sessions);
	audit_queue_close(w->n.audit);
	presence_close(w->n.presence);
	cache_free(w->n.cache);
	host_close(w->n.host);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	replica_deinit(&w->known);
	pki_deinit(&w->host_ca);
	pki_deinit(&w->user_ca);
	conf_deinit(noded_conf_keys(), &w->n.conf);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
}

/* --- people ---------------------------------------------------------------------------------- */

static inline pv_Identity world_person(const char *user, char **roles, size_t count)
{
	return (pv_Identity){
		.user = (char *)(uintptr_t)user,
		.roles = roles,
		.roles_count = (pb_size_t)count,
		.cluster = (char *)(uintptr_t)CLUSTER,
		.expires = PKI_NOW + PKI_HOUR,
	};
}

#endif

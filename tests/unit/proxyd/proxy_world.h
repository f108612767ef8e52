/*
 * proxy_world - a proxy that is a member of a cluster and knows a role, two nodes and perhaps a
 * lock, all from its folder; authd is never reached.
 */
#ifndef TESTS_UNIT_PROXYD_PROXY_WORLD_H
#define TESTS_UNIT_PROXYD_PROXY_WORLD_H

#include "base/clock.h"
#include "cache/cache.h"
#include "cache/replica.h"
#include "crypto/sshcert.h"
#include "daemon/host.h"
#include "file/file.h"
#include "model/identity.h"
#include "proxyd/proxyd.h"

#include "tests/unit/member.h"
#include "tests/unit/streams.h"

#include <stdio.h>

#define NODE_ID  "11111111-1111-4111-8111-111111111111"
#define OTHER_ID "22222222-2222-4222-8222-222222222222"

struct proxy_world {
	uv_loop_t *loop;
	struct clock_fake clock;
	struct proxyd p;
	char dir[64];
	char cache_path[96];
	struct pki hosts;
	struct pki users;
	struct replica known;
};

static inline void world_know(struct proxy_world *w, const char *yaml, pb_size_t tag,
                              const struct fields_table *table)
{
	pv_Resource r = { .which_of = tag };
	char key[256];
	struct err err = { 0 };
	int changed;

	member_check(fields_from_yaml(table, "test", yaml, strlen(yaml), &r.of, &err), &err);
	member_check(replica_put(&w->known, &r, key, &changed, &err), &err);
	fields_release(table, &r.of);
}

static inline void world_node(struct proxy_world *w, const char *id, const char *env,
                              const char *addr)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
	         "{kind: node, version: v2, metadata: {name: %s, labels: {env: %s}}, "
	         "spec: {hostname: web-1, addr: '%s'}}",
	         id, env, addr);
	world_know(w, yaml, pv_Resource_node_tag, &pv_Node_table);
}

static inline void world_lock(struct proxy_world *w, const char *target)
{
	char yaml[256];

	snprintf(yaml, sizeof(yaml),
	         "{kind: lock, version: v2, metadata: {name: l}, spec: {target: {%s}, "
	         "message: under investigation}}",
	         target);
	world_know(w, yaml, pv_Resource_lock_tag, &pv_Lock_table);
}

/* An authority's SSH key as a line. */
static inline void world_ssh_line(const struct pki *pki, struct buf *out)
{
	struct sshkey key = { 0 };
	struct err err = { 0 };

	member_check(sshkey_from_pubkey(key_public(pki->key), "", &key, &err), &err);
	sshkey_append_line(&key, out);
	sshkey_deinit(&key);
}

static inline struct proxy_world *world_begin(uv_loop_t *loop)
{
	struct proxy_world *w = calloc(1, sizeof(*w));
	struct credentials c;
	pv_JoinResponse answer;
	struct buf line = { 0 };
	struct err err = { 0 };

	assert_non_null(w);
	w->loop = w->p.loop = loop;
	clock_fake_init(&w->clock, PKI_NOW);
	w->p.clock = &w->clock.clock;
	w->p.conf.dial_timeout = 5000;
	list_init(&w->p.links);
	strcpy(w->dir, "/tmp/test_proxyd.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->cache_path, sizeof(w->cache_path), "%s/cache", w->dir);
	pki_init(&w->hosts, "host CA");
	pki_init(&w->users, "user CA");
	member_check(credentials_open(&c, w->dir, &err), &err);
	member_answer(&answer, &w->hosts, &w->users, key_public(c.tls_key), PKI_NOW,
	              PKI_NOW + 100 * PKI_HOUR);
	world_ssh_line(&w->users, &line);
	member_check(fields_set_str(&answer.authorities[1].spec.active_keys.ssh[0].public_key,
	                            buf_str(&line), &err),
	             &err);
	buf_deinit(&line);
	member_check(credentials_store(&c, &answer, &err), &err);
	fields_release(&pv_JoinResponse_table, &answer);
	credentials_deinit(&c);
	member_check(replica_init(&w->known, 1 << 20, &err), &err);
	world_know(w,
	           "{kind: role, version: v4, metadata: {name: dev}, "
	           "spec: {allow: {logins: [root], node_labels: {env: test}}}}",
	           pv_Resource_role_tag, &pv_Role_table);
	return w;
}

static inline void world_on_change(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

/* What is known is known: opens membership and cache. */
static inline void world_start(struct proxy_world *w)
{
	static const char *const kinds[] = { "node",
		                             "kube_server",
		                             "role",
		                             "lock",
		                             "proxy",
		                             "tunnel_connection",
		                             "cluster_networking_config",
		                             NULL };
	static const char *const addrs[] = { "unix:/nonexistent/authd.sock", NULL };
	const struct host_conf host = { .loop = w->loop,
		                        .clock = w->p.clock,
		                        .dir = w->dir,
		                        .system_role = "Proxy",
		                        .hostname = "proxy",
		                        .auth_addrs = addrs,
		                        .on_change = world_on_change };
	struct buf bytes = { 0 };
	struct err err = { 0 };

	w->known.revision = 1;
	member_check(replica_write(&w->known, &bytes, &err), &err);
	member_check(file_replace(w->cache_path, bytes.data, bytes.len, 0600, &err), &err);
	buf_deinit(&bytes);
	member_check(host_open(&host, &w->p.host, &err), &err);
	member_check(host_start(w->p.host, &err), &err);
	const struct cache_conf cache = { .loop = w->loop,
		                          .client = host_client(w->p.host),
		                          .kinds = kinds,
		                          .path = w->cache_path };
	member_check(cache_new(&cache, &w->p.cache, &err), &err);
}

static inline void world_end(struct proxy_world *w)
{
	static const char *const files[] = { "tls.key", "ssh_host_key", "ssh_host_key-cert.pub",
		                             "credentials", "cache" };
	char path[128];

	cache_free(w->p.cache);
	host_close(w->p.host);
	uv_run(w->loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	replica_deinit(&w->known);
	pki_deinit(&w->hosts);
	pki_deinit(&w->users);
	free(w);
}

/* Somebody with the role dev. */
static inline void world_peer(struct proxy_world *w, const char *user, struct peer *out)
{
	pv_Identity *id = &out->identity;
	struct err err = { 0 };

	*out = (struct peer){ .kind = PEER_USER, .addr = "192.0.2.7:51234" };
	(void)w;
	member_check(fields_set_str(&id->user, user, &err), &err);
	member_check(fields_set_str(&id->cluster, MEMBER_CLUSTER, &err), &err);
	id->expires = PKI_NOW + PKI_HOUR;
	member_check(fields_add_str(&id->roles, &id->roles_count, "dev", &err), &err);
}

#endif

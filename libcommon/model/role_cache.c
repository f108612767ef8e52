#include "model/role_cache.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "crypto/hex.h"
#include "wire/fields.h"

#include "proto/identity.fields.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct list link;
	char key[2 * HASH_SIZE + 1];
	struct role_set *roles;
};

struct role_cache {
	size_t max;
	role_lookup lookup;
	void *arg;
	struct map *by_key;
	struct list entries; /* the latest used at the end */
};

static void entry_free(struct role_cache *c, struct entry *e)
{
	map_remove(c->by_key, e->key);
	list_remove(&e->link);
	role_set_unref(e->roles);
	free(e);
}

struct role_cache *role_cache_new(size_t max, role_lookup lookup, void *arg)
{
	struct role_cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct role_cache){ .max = max, .lookup = lookup, .arg = arg, .by_key = map_new() };
	list_init(&c->entries);
	if (c->by_key == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void role_cache_forget(struct role_cache *c)
{
	while (!list_empty(&c->entries))
		entry_free(c, container_of(c->entries.next, struct entry, link));
}

void role_cache_free(struct role_cache *c)
{
	if (c == NULL)
		return;
	role_cache_forget(c);
	map_free(c->by_key);
	free(c);
}

/* What a set is made of, and nothing else of the identity. */
static int key_of(const pv_Identity *who, char out[2 * HASH_SIZE + 1], struct err *err)
{
	const pv_Identity made_of = {
		.user = who->user,
		.roles = who->roles,
		.roles_count = who->roles_count,
		.traits = who->traits,
		.traits_count = who->traits_count,
	};
	uint8_t digest[HASH_SIZE];
	struct buf bytes = { 0 };
	int rc = fields_encode(&pv_Identity_table, &made_of, &bytes, err);

	if (rc == 0) {
		hash_sha256(bytes.data, bytes.len, digest);
		hex_encode(out, digest, sizeof(digest));
	}
	buf_deinit(&bytes);
	return rc;
}

static int add(struct role_cache *c, const char *key, struct role_set *roles, struct err *err)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL || map_put(c->by_key, key, e, NULL) != 0) {
		free(e);
		return err_set_nomem(err);
	}
	memcpy(e->key, key, sizeof(e->key));
	e->roles = role_set_ref(roles);
	list_append(&c->entries, &e->link);
	if (map_count(c->by_key) > c->max)
		entry_free(c, container_of(c->entries.next, struct entry, link));
	return 0;
}

int role_cache_get(struct role_cache *c, const pv_Identity *who, struct role_set **out,
                   struct err *err)
{
	char key[2 * HASH_SIZE + 1];
	struct role_set *roles;
	struct entry *e;
	int rc = key_of(who, key, err);

	if (rc != 0)
		return rc;
	e = map_get(c->by_key, key);
	if (e != NULL) {
		list_remove(&e->link);
		list_append(&c->entries, &e->link);
		*out = role_set_ref(e->roles);
		return 0;
	}
	rc = role_set_new(&roles, who, c->lookup, c->arg, err);
	if (rc == 0 && add(c, key, roles, err) != 0) {
		role_set_unref(roles);
		rc = err->code;
	}
	if (rc == 0)
		*out = roles;
	return rc;
}

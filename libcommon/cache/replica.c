#include "cache/replica.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "model/resource.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC      "PSTNREP2"
#define MAGIC_SIZE 8
#define HEAD_SIZE  (MAGIC_SIZE + 8 + 4)

static void entry_free(struct replica_entry *e)
{
	if (e == NULL)
		return;
	resource_deinit(&e->resource);
	free(e->bytes);
	free(e);
}

int replica_init(struct replica *r, size_t max, struct err *err)
{
	*r = (struct replica){ .entries = map_new(), .max = max };
	return r->entries != NULL ? 0 : err_set_nomem(err);
}

static void remove_all(struct replica *r)
{
	struct replica_entry *e;
	const char *key;
	size_t at = 0;

	while ((e = map_next(r->entries, &at, &key)) != NULL) {
		map_remove(r->entries, key);
		entry_free(e);
	}
	r->size = 0;
}

void replica_deinit(struct replica *r)
{
	if (r->entries != NULL)
		remove_all(r);
	map_free(r->entries);
	*r = (struct replica){ 0 };
}

static int entry_from_bytes(const uint8_t *bytes, size_t len, struct replica_entry **out,
                            struct err *err)
{
	struct replica_entry *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return err_set_nomem(err);
	e->bytes = malloc(len > 0 ? len : 1);
	if (e->bytes == NULL) {
		entry_free(e);
		return err_set_nomem(err);
	}
	memcpy(e->bytes, bytes, len);
	e->len = len;
	rc = resource_decode(&e->resource, bytes, len, err);
	if (rc != 0) {
		entry_free(e);
		return rc;
	}
	*out = e;
	return 0;
}

static int make_room(struct replica *r, const struct replica_entry *old, size_t len,
                     struct err *err)
{
	size_t others = r->size - (old != NULL ? old->len : 0);

	if (len > r->max || others > r->max - len)
		return err_set(err, ERR_LIMIT,
		               "the cluster's state is larger than the %zu MB that are kept here",
		               r->max >> 20);
	r->size = others + len;
	return 0;
}

static int put_entry(struct replica *r, const char *key, struct replica_entry *take_entry,
                     int *out_changed, struct err *err)
{
	const struct replica_entry *old = map_get(r->entries, key);
	size_t size = r->size;
	void *replaced;

	*out_changed = old == NULL || old->len != take_entry->len ||
	               memcmp(old->bytes, take_entry->bytes, old->len) != 0;
	if (!*out_changed) {
		entry_free(take_entry);
		return 0;
	}
	if (make_room(r, old, take_entry->len, err) != 0) {
		entry_free(take_entry);
		return err->code;
	}
	if (map_put(r->entries, key, take_entry, &replaced) != 0) {
		r->size = size;
		entry_free(take_entry);
		return err_set_nomem(err);
	}
	entry_free(replaced);
	return 0;
}

static int put_bytes(struct replica *r, const uint8_t *bytes, size_t len, char *out_key,
                     int *out_changed, struct err *err)
{
	struct replica_entry *e = NULL;
	int rc;

	rc = entry_from_bytes(bytes, len, &e, err);
	if (rc != 0)
		return rc;
	rc = resource_key_of(out_key, &e->resource, err);
	if (rc != 0) {
		entry_free(e);
		return rc;
	}
	return put_entry(r, out_key, e, out_changed, err);
}

int replica_put(struct replica *r, const pv_Resource *resource, char *out_key, int *out_changed,
                struct err *err)
{
	struct buf bytes = { 0 };
	int rc;

	rc = resource_encode(resource, &bytes, err);
	if (rc == 0)
		rc = put_bytes(r, bytes.data, bytes.len, out_key, out_changed, err);
	buf_deinit(&bytes);
	return rc;
}

int replica_remove(struct replica *r, const char *key)
{
	struct replica_entry *e = map_remove(r->entries, key);

	if (e == NULL)
		return 0;
	r->size -= e->len;
	entry_free(e);
	return 1;
}

const struct replica_entry *replica_get(const struct replica *r, const char *key)
{
	return map_get(r->entries, key);
}

int replica_write(const struct replica *r, struct buf *out, struct err *err)
{
	const struct replica_entry *e;
	uint8_t sum[HASH_SIZE];
	size_t begin = out->len;
	size_t at = 0;

	buf_append(out, MAGIC, MAGIC_SIZE);
	buf_append_u64(out, r->revision);
	buf_append_u32(out, (uint32_t)map_count(r->entries));
	while ((e = map_next(r->entries, &at, NULL)) != NULL) {
		buf_append_u32(out, (uint32_t)e->len);
		buf_append(out, e->bytes, e->len);
	}
	if (buf_check(out, err) != 0)
		return err->code;
	hash_sha256(out->data + begin, out->len - begin, sum);
	buf_append(out, sum, sizeof(sum));
	return buf_check(out, err);
}

static uint64_t read_number(const uint8_t *at, size_t size)
{
	uint64_t v = 0;

	while (size-- > 0)
		v = v << 8 | *at++;
	return v;
}

/* All but the checksum, which holds. */
static int read_entries(struct replica *r, const uint8_t *data, size_t len, struct err *err)
{
	uint64_t count = read_number(data + MAGIC_SIZE + 8, 4);
	char key[RESOURCE_KEY_SIZE];
	size_t at = HEAD_SIZE;
	int changed;

	r->revision = read_number(data + MAGIC_SIZE, 8);
	for (uint64_t i = 0; i < count; i++) {
		size_t size;

		if (len - at < 4)
			return err_set(err, ERR_CORRUPT, "cut off");
		size = read_number(data + at, 4);
		at += 4;
		if (size > len - at)
			return err_set(err, ERR_CORRUPT, "cut off");
		if (put_bytes(r, data + at, size, key, &changed, err) != 0)
			return err->code;
		at += size;
	}
	return at == len ? 0 : err_set(err, ERR_CORRUPT, "bytes behind the end");
}

int replica_read(struct replica *r, const uint8_t *data, size_t len, struct err *err)
{
	uint8_t sum[HASH_SIZE];
	int rc;

	if (len < HEAD_SIZE + HASH_SIZE || memcmp(data, MAGIC, MAGIC_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "not a replica's file");
	hash_sha256(data, len - HASH_SIZE, sum);
	if (memcmp(sum, data + len - HASH_SIZE, HASH_SIZE) != 0)
		return err_set(err, ERR_CORRUPT, "checksum does not match");
	rc = read_entries(r, data, len - HASH_SIZE, err);
	if (rc != 0) {
		remove_all(r);
		r->revision = 0;
	}
	return rc;
}

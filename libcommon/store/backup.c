#include "store/backup.h"

#include "base/err.h"
#include "crypto/hash.h"
#include "store/keyspace.h"
#include "store/lmdb.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define MAGIC     "POSTERNB"
#define MAGIC_LEN 8
#define VERSION   1
#define MAP_SIZE  ((size_t)16 << 30)
#define JUMP      ((uint64_t)1 << 32) /* more revisions than can be made behind a backup */

/* A backup that is being written or read, with the sum of its bytes so far. */
struct stream {
	FILE *file;
	struct hash hash;
	uint64_t items;
	struct err err;
};

static void stream_begin(struct stream *s, FILE *file)
{
	*s = (struct stream){ .file = file };
	hash_init(&s->hash);
}

/* --- writing --------------------------------------------------------------------------------- */

static int give(struct stream *s, const void *data, size_t len)
{
	hash_update(&s->hash, data, len);
	if (len == 0 || fwrite(data, len, 1, s->file) == 1)
		return 0;
	return err_set_errno(&s->err, ERR_IO, errno, "write the backup");
}

static int give_u32(struct stream *s, uint32_t n)
{
	n = htobe32(n);
	return give(s, &n, sizeof(n));
}

static int give_u64(struct stream *s, uint64_t n)
{
	n = htobe64(n);
	return give(s, &n, sizeof(n));
}

static int give_item(void *arg, const struct keyspace_item *item)
{
	struct stream *s = arg;
	size_t key_len = strlen(item->key);

	s->items++;
	if (give_u32(s, (uint32_t)key_len) != 0 || give_u32(s, (uint32_t)item->len) != 0 ||
	    give_u64(s, item->revision) != 0 || give_u64(s, (uint64_t)item->expires) != 0 ||
	    give(s, item->key, key_len) != 0 || give(s, item->value, item->len) != 0)
		return -1;
	return 0;
}

static int give_end(struct stream *s, uint64_t revision)
{
	uint8_t sum[HASH_SIZE];

	if (give_u32(s, 0) != 0 || give_u64(s, revision) != 0 || give_u64(s, s->items) != 0)
		return s->err.code;
	hash_final(&s->hash, sum);
	if (fwrite(sum, sizeof(sum), 1, s->file) != 1 || fflush(s->file) != 0)
		return err_set_errno(&s->err, ERR_IO, errno, "write the backup");
	return 0;
}

int backup_write(struct keyspace *ks, FILE *to, struct err *err)
{
	const struct keyspace_query all = { 0 };
	struct stream s;
	uint64_t revision;
	int rc;

	stream_begin(&s, to);
	if (give(&s, MAGIC, MAGIC_LEN) != 0 || give_u32(&s, VERSION) != 0)
		return err_copy(err, &s.err);
	rc = keyspace_each(ks, &all, give_item, &s, &revision, err);
	if (rc == 0)
		rc = give_end(&s, revision);
	return s.err.code != 0 ? err_copy(err, &s.err) : rc;
}

/* --- reading --------------------------------------------------------------------------------- */

static int take(struct stream *s, void *out, size_t len)
{
	if (len > 0 && fread(out, len, 1, s->file) != 1) {
		if (ferror(s->file))
			return err_set_errno(&s->err, ERR_IO, errno, "read the backup");
		return err_set(&s->err, ERR_CORRUPT, "the backup is cut off");
	}
	hash_update(&s->hash, out, len);
	return 0;
}

static int take_u32(struct stream *s, uint32_t *out)
{
	if (take(s, out, sizeof(*out)) != 0)
		return s->err.code;
	*out = be32toh(*out);
	return 0;
}

static int take_u64(struct stream *s, uint64_t *out)
{
	if (take(s, out, sizeof(*out)) != 0)
		return s->err.code;
	*out = be64toh(*out);
	return 0;
}

static int take_head(struct stream *s)
{
	char magic[MAGIC_LEN];
	uint32_t version;

	if (take(s, magic, sizeof(magic)) != 0)
		return s->err.code;
	if (memcmp(magic, MAGIC, MAGIC_LEN) != 0)
		return err_set(&s->err, ERR_CORRUPT, "this is no backup of a keyspace");
	if (take_u32(s, &version) != 0)
		return s->err.code;
	if (version != VERSION)
		return err_set(&s->err, ERR_UNSUPPORTED, "a backup of version %u: known is %d",
		               version, VERSION);
	return 0;
}

/* Room for the largest item. */
struct row {
	char key[KEYSPACE_KEY_MAX + 1];
	uint8_t value[KEYSPACE_VALUE_MAX];
	struct keyspace_item item;
};

static int take_row(struct stream *s, uint32_t key_len, struct row *r)
{
	uint32_t len;
	uint64_t expires;

	if (take_u32(s, &len) != 0)
		return s->err.code;
	if (key_len > KEYSPACE_KEY_MAX || len > KEYSPACE_VALUE_MAX)
		return err_set(&s->err, ERR_CORRUPT, "the backup is damaged: an item too large");
	if (take_u64(s, &r->item.revision) != 0 || take_u64(s, &expires) != 0 ||
	    take(s, r->key, key_len) != 0 || take(s, r->value, len) != 0)
		return s->err.code;
	r->key[key_len] = 0;
	if (strlen(r->key) != key_len || keyspace_key_check(r->key, &s->err) != 0)
		return err_set(&s->err, ERR_CORRUPT, "the backup is damaged: a key");
	r->item.key = r->key;
	r->item.value = r->value;
	r->item.len = len;
	r->item.expires = (int64_t)expires;
	return 0;
}

static int take_rows(struct stream *s, struct lmdb_batch *batch)
{
	struct row row;
	uint32_t key_len;

	while (take_u32(s, &key_len) == 0 && key_len > 0) {
		if (take_row(s, key_len, &row) != 0)
			break;
		if (lmdb_put_back(batch, &row.item, &s->err) != 0)
			break;
		s->items++;
	}
	explicit_bzero(&row, sizeof(row));
	return s->err.code;
}

static int take_end(struct stream *s, uint64_t *out_revision)
{
	uint8_t expected[HASH_SIZE];
	uint8_t sum[HASH_SIZE];
	uint64_t items;

	if (take_u64(s, out_revision) != 0 || take_u64(s, &items) != 0)
		return s->err.code;
	hash_final(&s->hash, expected);
	if (fread(sum, sizeof(sum), 1, s->file) != 1)
		return err_set(&s->err, ERR_CORRUPT, "the backup is cut off");
	if (memcmp(sum, expected, sizeof(sum)) != 0 || items != s->items)
		return err_set(&s->err, ERR_CORRUPT, "the backup is damaged: its sum is wrong");
	return 0;
}

/* --- restoring ------------------------------------------------------------------------------- */

static int check_empty(struct lmdb *db, struct err *err)
{
	uint64_t compacted;
	uint64_t newest;

	if (lmdb_revisions(db, &newest, &compacted, err) != 0)
		return err->code;
	return newest == LMDB_FIRST_EVER
	               ? 0
	               : err_set(err, ERR_EXISTS, "something was written to this keyspace before");
}

static int restore_all(struct stream *s, struct lmdb *db)
{
	struct lmdb_batch *batch;
	uint64_t revision;

	if (take_head(s) != 0 || lmdb_begin(db, 0, &batch, &s->err) != 0)
		return s->err.code;
	if (take_rows(s, batch) != 0 || take_end(s, &revision) != 0 ||
	    lmdb_jump(batch, revision + JUMP, &s->err) != 0) {
		lmdb_abort(batch);
		return s->err.code;
	}
	return lmdb_commit(batch, &s->err);
}

int backup_restore(const char *dir, FILE *from, size_t *out_items, struct err *err)
{
	struct stream s;
	struct lmdb *db;
	int rc = lmdb_open(dir, MAP_SIZE, &db, err);

	if (rc != 0)
		return rc;
	stream_begin(&s, from);
	rc = check_empty(db, err);
	if (rc == 0 && restore_all(&s, db) != 0)
		rc = err_copy(err, &s.err);
	lmdb_close(db);
	if (rc == 0)
		*out_items = s.items;
	return rc;
}

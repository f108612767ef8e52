/*
 * lmdb_rows - the bytes of the keyspace's rows: to and from LMDB's values.
 *
 * Numbers inside keys are big-endian so that they sort; those inside values have the machine's
 * own order, since the file never leaves the machine. Every decoder checks lengths: a row that
 * does not hold together is ERR_CORRUPT, never read past.
 */
#ifndef STORE_LMDB_ROWS_H
#define STORE_LMDB_ROWS_H

#include "store/lmdb.h"

#include <lmdb.h>

/* The value of an item's row begins with this; the item's value follows. */
struct row_item {
	uint64_t revision;
	int64_t expires;
};

/* The value of a log row begins with this; key and value follow. */
struct row_event {
	int64_t time;
	int64_t expires;
	uint32_t type;
	uint32_t key_len;
};

#define ROW_EXPIRY_MAX (sizeof(int64_t) + KEYSPACE_KEY_MAX)
#define ROW_LOG_KEY    (sizeof(uint64_t) + sizeof(uint32_t))

/* An LMDB value that borrows a string or bytes. */
MDB_val row_text(const char *s);
MDB_val row_bytes(const void *data, size_t len);

/* Writes the key of an expiry row to `out` and returns its length. */
size_t row_expiry_key(uint8_t out[ROW_EXPIRY_MAX], int64_t expires, const char *key);
int row_expiry_parse(const MDB_val *row, int64_t *out_expires, char key[KEYSPACE_KEY_MAX + 1],
                     struct err *err);

void row_log_key(uint8_t out[ROW_LOG_KEY], struct lmdb_position at);
int row_log_key_parse(const MDB_val *row, struct lmdb_position *out, struct err *err);

/* The item's value is borrowed from `value`; its key is copied to `key_room`. */
int row_item_parse(const MDB_val *key, const MDB_val *value, char key_room[KEYSPACE_KEY_MAX + 1],
                   struct keyspace_item *out, struct err *err);
static inline bool row_item_is_expired(const struct keyspace_item *item, int64_t now)
{
	return item->expires != 0 && item->expires <= now;
}

int row_event_parse(struct lmdb_position at, const MDB_val *value,
                    char key_room[KEYSPACE_KEY_MAX + 1], struct keyspace_event *out,
                    struct err *err);

#endif

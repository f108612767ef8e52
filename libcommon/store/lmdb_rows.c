#include "store/lmdb_rows.h"

#include "base/err.h"

#include <endian.h>
#include <string.h>

MDB_val row_text(const char *s)
{
	return row_bytes(s, strlen(s));
}

MDB_val row_bytes(const void *data, size_t len)
{
	return (MDB_val){ len, (void *)(uintptr_t)data };
}

size_t row_expiry_key(uint8_t out[ROW_EXPIRY_MAX], int64_t expires, const char *key)
{
	uint64_t sorted = htobe64((uint64_t)expires);
	size_t len = strlen(key);

	memcpy(out, &sorted, sizeof(sorted));
	memcpy(out + sizeof(sorted), key, len);
	return sizeof(sorted) + len;
}

static int copy_key(const void *bytes, size_t len, char room[KEYSPACE_KEY_MAX + 1], struct err *err)
{
	if (len == 0 || len > KEYSPACE_KEY_MAX || memchr(bytes, 0, len) != NULL)
		return err_set(err, ERR_CORRUPT, "keyspace: a key of %zu bytes is damaged", len);
	memcpy(room, bytes, len);
	room[len] = 0;
	return 0;
}

int row_expiry_parse(const MDB_val *row, int64_t *out_expires, char key[KEYSPACE_KEY_MAX + 1],
                     struct err *err)
{
	uint64_t sorted;

	if (row->mv_size <= sizeof(sorted))
		return err_set(err, ERR_CORRUPT, "keyspace: a row of the expiry table is cut");
	memcpy(&sorted, row->mv_data, sizeof(sorted));
	*out_expires = (int64_t)be64toh(sorted);
	return copy_key((const char *)row->mv_data + sizeof(sorted), row->mv_size - sizeof(sorted),
	                key, err);
}

void row_log_key(uint8_t out[ROW_LOG_KEY], struct lmdb_position at)
{
	uint64_t revision = htobe64(at.revision);
	uint32_t index = htobe32(at.index);

	memcpy(out, &revision, sizeof(revision));
	memcpy(out + sizeof(revision), &index, sizeof(index));
}

int row_log_key_parse(const MDB_val *row, struct lmdb_position *out, struct err *err)
{
	uint64_t revision;
	uint32_t index;

	if (row->mv_size != ROW_LOG_KEY)
		return err_set(err, ERR_CORRUPT, "keyspace: a key of the change log is damaged");
	memcpy(&revision, row->mv_data, sizeof(revision));
	memcpy(&index, (const char *)row->mv_data + sizeof(revision), sizeof(index));
	*out = (struct lmdb_position){ be64toh(revision), be32toh(index) };
	return 0;
}

int row_item_parse(const MDB_val *key, const MDB_val *value, char key_room[KEYSPACE_KEY_MAX + 1],
                   struct keyspace_item *out, struct err *err)
{
	struct row_item head;

	if (value->mv_size < sizeof(head))
		return err_set(err, ERR_CORRUPT, "keyspace: an item is cut");
	if (copy_key(key->mv_data, key->mv_size, key_room, err) != 0)
		return err->code;
	memcpy(&head, value->mv_data, sizeof(head));
	*out = (struct keyspace_item){
		.key = key_room,
		.value = (uint8_t *)value->mv_data + sizeof(head),
		.len = value->mv_size - sizeof(head),
		.revision = head.revision,
		.expires = head.expires,
	};
	return 0;
}

int row_event_parse(struct lmdb_position at, const MDB_val *value,
                    char key_room[KEYSPACE_KEY_MAX + 1], struct keyspace_event *out,
                    struct err *err)
{
	const uint8_t *bytes = value->mv_data;
	struct row_event head;

	if (value->mv_size < sizeof(head))
		return err_set(err, ERR_CORRUPT, "keyspace: an event is cut");
	memcpy(&head, bytes, sizeof(head));
	if (head.key_len > value->mv_size - sizeof(head) || head.type > KEYSPACE_EVENT_DELETE)
		return err_set(err, ERR_CORRUPT, "keyspace: an event is damaged");
	if (copy_key(bytes + sizeof(head), head.key_len, key_room, err) != 0)
		return err->code;
	*out = (struct keyspace_event){
		.type = (enum keyspace_event_type)head.type,
		.item = {
			.key = key_room,
			.value = (uint8_t *)value->mv_data + sizeof(head) + head.key_len,
			.len = value->mv_size - sizeof(head) - head.key_len,
			.revision = at.revision,
			.expires = head.expires,
		},
	};
	return 0;
}

#include "authd/core/companions.h"

#include "wire/fields.h"

#include <assert.h>

int companions_add(struct companions *c, struct keyspace_op op, const char *key, struct err *err)
{
	int rc = strlist_add(&c->keys, key, err);

	assert(c->count < COMPANIONS_MAX);
	if (rc != 0)
		return rc;
	op.key = c->keys.items[c->keys.count - 1];
	c->ops[c->count++] = op;
	return 0;
}

int companions_add_put(struct companions *c, const char *key, const struct fields_table *t,
                       const void *msg, int64_t expires, struct err *err)
{
	struct buf *bytes = &c->values[c->count];
	int rc = fields_encode(t, msg, bytes, err);

	if (rc != 0)
		return rc;
	return companions_add(c, keyspace_op_put(NULL, bytes->data, bytes->len, expires), key, err);
}

int companions_add_create(struct companions *c, const char *key, const struct fields_table *t,
                          const void *msg, int64_t expires, struct err *err)
{
	int rc = companions_add_put(c, key, t, msg, expires, err);

	if (rc == 0)
		c->ops[c->count - 1].condition = KEYSPACE_IF_ABSENT;
	return rc;
}

void companions_deinit(struct companions *c)
{
	strlist_deinit(&c->keys);
	for (size_t i = 0; i < COMPANIONS_MAX; i++)
		buf_wipe(&c->values[i]);
	c->count = 0;
}

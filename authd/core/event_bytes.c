#include "authd/core/event_bytes.h"

#include "authd/core/resource_store.h"

#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdbool.h>
#include <string.h>

static void forget(struct event_bytes *e)
{
	if (e->revision != 0)
		resource_deinit(&e->resource);
	e->revision = 0;
	buf_clear(&e->put);
	buf_clear(&e->value);
}

void event_bytes_deinit(struct event_bytes *e)
{
	forget(e);
	buf_deinit(&e->value);
	buf_deinit(&e->put);
	buf_deinit(&e->sent);
	*e = (struct event_bytes){ 0 };
}

static bool holds(const struct event_bytes *e, const struct keyspace_item *item)
{
	return e->revision == item->revision && strcmp(e->key, item->key) == 0 &&
	       e->value.len == item->len &&
	       (item->len == 0 || memcmp(e->value.data, item->value, item->len) == 0);
}

static int hold(struct event_bytes *e, const struct keyspace_item *item, struct err *err)
{
	if (holds(e, item))
		return 0;
	forget(e);
	buf_append(&e->value, item->value, item->len);
	if (buf_check(&e->value, err) != 0)
		return err->code;
	e->resource = (pv_Resource)pv_Resource_init_zero;
	if (resource_of_item(item, &e->resource, err) != 0)
		return err->code;
	e->revision = item->revision;
	str_copy(e->key, sizeof(e->key), item->key);
	return 0;
}

int event_bytes_resource(struct event_bytes *e, const struct keyspace_item *item,
                         const pv_Resource **out, struct err *err)
{
	if (hold(e, item, err) != 0)
		return err->code;
	*out = &e->resource;
	return 0;
}

/* The event borrows the resource. */
static int encode(struct event_bytes *e, struct err *err)
{
	const pv_WatchEvent event = { .type = pv_WatchEvent_Type_PUT,
		                      .has_resource = true,
		                      .resource = e->resource };

	if (e->put.len > 0)
		return 0;
	if (fields_encode(&pv_WatchEvent_table, &event, &e->put, err) == 0)
		return 0;
	buf_clear(&e->put);
	return err->code;
}

/* A protobuf message goes on with whatever is written behind it. */
int event_bytes_put(struct event_bytes *e, const struct keyspace_item *item, int64_t reached,
                    const struct buf **out, struct err *err)
{
	const pv_WatchEvent rest = { .revision = reached };

	if (hold(e, item, err) != 0 || encode(e, err) != 0)
		return err->code;
	buf_clear(&e->sent);
	buf_append(&e->sent, e->put.data, e->put.len);
	if (fields_encode(&pv_WatchEvent_table, &rest, &e->sent, err) != 0 ||
	    buf_check(&e->sent, err) != 0)
		return err->code;
	*out = &e->sent;
	return 0;
}

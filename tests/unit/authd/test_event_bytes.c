#include "authd/core/event_bytes.h"

#include "tests/unit/unit.h"

#include "base/err.h"
#include "model/resource.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <stdio.h>
#include <string.h>

/* A stored role with that description; its value is the caller's to buf_deinit(). */
static struct keyspace_item role_item(const char *name, const char *description, struct buf *value)
{
	static char key[64];
	pv_Resource r = { .which_of = pv_Resource_role_tag };
	struct err err;

	snprintf(key, sizeof(key), "/roles/%s", name);
	assert_int_equal(fields_set_str(&resource_metadata(&r)->name, name, &err), 0);
	assert_int_equal(fields_set_str(&resource_metadata(&r)->description, description, &err), 0);
	buf_clear(value);
	assert_int_equal(resource_encode(&r, value, &err), 0);
	resource_deinit(&r);
	return (struct keyspace_item){
		.key = key, .value = value->data, .len = value->len, .revision = 7, .expires = 99
	};
}

static void assert_event(struct event_bytes *e, const struct keyspace_item *item, int64_t reached,
                         const char *name, const char *description)
{
	const struct buf *bytes;
	const pv_Metadata *meta;
	pv_WatchEvent event;
	struct err err;

	assert_int_equal(event_bytes_put(e, item, reached, &bytes, &err), 0);
	assert_int_equal(fields_decode(&pv_WatchEvent_table, bytes->data, bytes->len, &event, &err),
	                 0);
	assert_int_equal(event.type, pv_WatchEvent_Type_PUT);
	assert_int_equal(event.revision, reached);
	meta = resource_metadata(&event.resource);
	assert_string_equal(meta->name, name);
	assert_string_equal(meta->description, description);
	assert_string_equal(meta->revision, "7");
	assert_int_equal(meta->expires, 99);
	fields_release(&pv_WatchEvent_table, &event);
}

static void the_same_change_has_each_watchs_own_revision(void **state)
{
	struct event_bytes e = { 0 };
	struct buf value = { 0 };
	struct keyspace_item item = role_item("a", "one", &value);

	(void)state;
	assert_event(&e, &item, 7, "a", "one");
	assert_event(&e, &item, 6, "a", "one");
	assert_event(&e, &item, 0, "a", "one");
	event_bytes_deinit(&e);
	buf_deinit(&value);
}

static void another_key_or_value_of_the_same_write_is_another_change(void **state)
{
	struct event_bytes e = { 0 };
	struct buf value = { 0 };
	struct keyspace_item item = role_item("a", "one", &value);

	(void)state;
	assert_event(&e, &item, 7, "a", "one");
	item = role_item("a", "two", &value);
	assert_event(&e, &item, 7, "a", "two");
	item = role_item("b", "two", &value);
	assert_event(&e, &item, 7, "b", "two");
	event_bytes_deinit(&e);
	buf_deinit(&value);
}

static void what_is_no_resource_is_refused_and_not_kept(void **state)
{
	struct event_bytes e = { 0 };
	struct buf value = { 0 };
	struct keyspace_item item = role_item("a", "one", &value);
	struct keyspace_item damaged = item;
	uint8_t garbage[] = { 0xff, 0xff, 0xff };
	const struct buf *bytes;
	struct err err;

	(void)state;
	damaged.value = garbage;
	damaged.len = sizeof(garbage);
	assert_int_equal(event_bytes_put(&e, &damaged, 1, &bytes, &err), ERR_CORRUPT);
	assert_event(&e, &item, 7, "a", "one");
	event_bytes_deinit(&e);
	buf_deinit(&value);
}

static void a_change_is_decoded_once_for_all_who_look_at_it(void **state)
{
	struct event_bytes e = { 0 };
	struct buf value = { 0 };
	struct keyspace_item item = role_item("a", "one", &value);
	const pv_Resource *first;
	const pv_Resource *again;
	const char *name;
	struct err err;

	(void)state;
	assert_int_equal(event_bytes_resource(&e, &item, &first, &err), 0);
	name = resource_name(first);
	assert_string_equal(name, "a");
	assert_int_equal(e.put.len, 0); /* nobody sends it yet */
	assert_event(&e, &item, 7, "a", "one");
	assert_int_equal(event_bytes_resource(&e, &item, &again, &err), 0);
	assert_ptr_equal(resource_name(again), name);
	item = role_item("b", "two", &value);
	assert_int_equal(event_bytes_resource(&e, &item, &again, &err), 0);
	assert_string_equal(resource_name(again), "b");
	assert_event(&e, &item, 7, "b", "two");
	event_bytes_deinit(&e);
	buf_deinit(&value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_change_has_each_watchs_own_revision),
		cmocka_unit_test(another_key_or_value_of_the_same_write_is_another_change),
		cmocka_unit_test(what_is_no_resource_is_refused_and_not_kept),
		cmocka_unit_test(a_change_is_decoded_once_for_all_who_look_at_it),
	};

	return unit_run(tests);
}

/* Where the tables say a field lies in its struct, beside what nanopb's own descriptors say. */
#include "wire/fields_slot.h"

#include "proto/audit.fields.h"
#include "proto/auth.fields.h"
#include "proto/dial.fields.h"
#include "proto/record.fields.h"
#include "proto/reflection.fields.h"
#include "proto/resource.fields.h"

#include "tests/unit/unit.h"

#include <pb_common.h>

#define DEPTH_MAX 16

static void assert_at(const char *what, const struct fields_field *f, const void *msg,
                      const void *place, size_t at)
{
	if ((const uint8_t *)place != (const uint8_t *)msg + at)
		fail_msg("the %s of field '%s' is at %td, not at %zu", what, f->name,
		         (const uint8_t *)place - (const uint8_t *)msg, at);
}

static void assert_field(const struct fields_table *t, const struct fields_field *f, void *msg)
{
	pb_field_iter_t it;

	assert_true(pb_field_iter_begin(&it, t->desc, msg));
	assert_true(pb_field_iter_find(&it, f->tag));
	assert_at("member", f, msg, it.pField, f->at);
	if (PB_ATYPE(it.type) == PB_ATYPE_STATIC || PB_HTYPE(it.type) == PB_HTYPE_REPEATED)
		assert_int_equal(f->size, it.data_size);
	else
		assert_int_equal(f->size, sizeof(void *)); /* nanopb: of what it points to */
	if (f->shape == FIELDS_SINGULAR)
		assert_null(it.pSize);
	else
		assert_at("presence", f, msg, it.pSize, f->says);
}

static void assert_message(const struct fields_table *t, unsigned depth, size_t *seen)
{
	void *msg = calloc(1, t->size);

	assert_non_null(msg);
	for (size_t i = 0; i < t->count; i++) {
		assert_field(t, &t->fields[i], msg);
		++*seen;
		if (t->fields[i].type == FIELDS_MESSAGE && depth < DEPTH_MAX)
			assert_message(t->fields[i].message, depth + 1, seen);
	}
	free(msg);
}

static void fields_lie_where_nanopb_has_them(void **state)
{
	static const struct fields_table *const tables[] = {
		&pv_Resource_table,
		&pv_AuditEvent_table,
		&pv_PutResourcesRequest_table,
		&pv_PutResourcesResponse_table,
		&pv_WatchRequest_table,
		&pv_WatchEvent_table,
		&pv_IssueUserCertificateRequest_table,
		&pv_Preface_table,
		&pv_Frame_table,
		&grv_ServerReflectionRequest_table,
		&grv_ServerReflectionResponse_table,
	};
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		assert_message(tables[i], 0, &seen);
	assert_true(seen > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_lie_where_nanopb_has_them),
	};

	return unit_run(tests);
}

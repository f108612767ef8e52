/* What an administrator's file goes through: YAML, the kind's table, defaults, checks, effects.
 * What is valid stays so when it is written and read again. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "model/resource.h"
#include "wire/fields.h"
#include "wire/fields_secrets.h"

#include "proto/resource.fields.h"

#include <assert.h>
#include <string.h>

static int look(void *arg, const char *path, enum fields_effect effect)
{
	assert(path[0] != 0 && effect != FIELDS_WORKS);
	*(size_t *)arg += 1;
	return 0;
}

static void try_again(const pv_Resource *r, const struct resource_kind *kind)
{
	pv_Resource again = { .which_of = r->which_of };
	struct buf text = { 0 };
	struct err err;

	assert(fields_to_yaml(kind->table, &r->of, FIELDS_WITH_SECRETS, &text, &err) == 0);
	if (fields_from_yaml(kind->table, "again", text.data, text.len, &again.of, &err) == 0) {
		assert(resource_validate(&again, &err) == 0);
		assert(fields_equal(&pv_Resource_table, r, &again));
		resource_deinit(&again);
	} /* texts may have grown beyond a bound */
	buf_deinit(&text);
}

/* What is stored is what was given, under a key of its kind. */
static void store(const pv_Resource *r, const struct resource_kind *kind)
{
	char key[RESOURCE_KEY_SIZE];
	struct buf bytes = { 0 };
	pv_Resource again;
	struct err err;

	assert(resource_kind_of(r) == kind);
	assert(strcmp(resource_name(r), resource_metadata_of(r)->name) == 0);
	assert(resource_key_of(key, r, &err) == 0);
	assert(strncmp(key, kind->prefix, strlen(kind->prefix)) == 0);
	assert(resource_encode(r, &bytes, &err) == 0);
	assert(resource_decode(&again, bytes.data, bytes.len, &err) == 0);
	assert(fields_equal(&pv_Resource_table, r, &again));
	resource_deinit(&again);
	buf_deinit(&bytes);
}

static void try_document(const struct value *v)
{
	const char *name = value_get_text(v, "kind");
	const struct resource_kind *kind = name != NULL ? resource_kind_find(name) : NULL;
	pv_Resource r = { 0 };
	size_t effects = 0;
	struct err err;

	if (kind == NULL || fields_from_value(kind->table, "fuzz", v, &r.of, &err) != 0)
		return;
	r.which_of = kind->tag;
	if (resource_validate(&r, &err) != 0) {
		value_line_at(v, err.msg);
	} else {
		resource_effects(&r, look, &effects);
		if (resource_check_enforced(&r, &err) != 0)
			assert(effects > 0);
		try_again(&r, kind);
		store(&r, kind);
		fields_drop_secrets(&pv_Resource_table, &r);
		assert(!fields_has_secrets(&pv_Resource_table, &r) ||
		       kind->tag == pv_Resource_cert_authority_tag);
	}
	resource_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_docs docs;
	struct err err;

	if (yaml_read("fuzz", data, size, &docs, &err) != 0)
		return 0;
	for (size_t i = 0; i < docs.count; i++)
		try_document(docs.items[i]);
	yaml_docs_deinit(&docs);
	return 0;
}

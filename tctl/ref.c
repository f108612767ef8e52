#include "tctl/ref.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/suggest.h"
#include "model/resource.h"

#include <stdbool.h>
#include <string.h>

int ref_kind(const char *name, const struct resource_kind **out, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find(name);
	struct suggest s;

	if (kind != NULL) {
		*out = kind;
		return 0;
	}
	if (resource_kind_is_foreign(name))
		return err_set(err, ERR_INVALID, "'%s' is a kind of Teleport's that is not here",
		               name);
	suggest_init(&s, name);
	while ((kind = resource_kind_next(kind)) != NULL)
		suggest_offer(&s, kind->name);
	if (s.best == NULL)
		return err_set(err, ERR_INVALID, "'%s' is no kind of resource", name);
	return err_set(err, ERR_INVALID, "'%s' is no kind of resource, did you mean '%s'?", name,
	               s.best);
}

int ref_parse(char *text, struct ref *out, struct err *err)
{
	struct ref ref = { 0 };
	char *rest = text;
	int rc = ref_kind(strsep(&rest, "/"), &ref.kind, err);

	if (rc != 0)
		return rc;
	if (ref.kind->sub_kinds)
		ref.sub_kind = strsep(&rest, "/");
	ref.name = rest != NULL ? rest : ref.kind->singleton; /* a name holds no slash; authd says
	                                                         so if this one does */
	if ((ref.sub_kind != NULL && *ref.sub_kind == 0) || (ref.name != NULL && *ref.name == 0))
		return err_set(err, ERR_INVALID, "which %s?", ref.kind->name);
	*out = ref;
	return 0;
}

int ref_parse_one(char *text, struct ref *out, struct err *err)
{
	struct ref ref;

	if (ref_parse(text, &ref, err) != 0)
		return err->code;
	if (ref.name == NULL)
		return err_set(err, ERR_INVALID, "which %s? (%s/NAME)", ref.kind->name,
		               ref.kind->name);
	*out = ref;
	return 0;
}

/* --- lists ----------------------------------------------------------------------------------- */

/* Words for several kinds. */
static const char *const connectors[] = { "github", "oidc", NULL };

static const struct {
	const char *word;
	const char *const *kinds;
} groups[] = {
	{ "connector", connectors },
	{ "connectors", connectors },
};

static bool is_in_group(const struct resource_kind *kind, const char *word)
{
	if (strcmp(word, "all") == 0)
		return kind->writable;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (size_t n = 0; strcmp(groups[i].word, word) == 0 && groups[i].kinds[n]; n++)
			if (strcmp(groups[i].kinds[n], kind->name) == 0)
				return true;
	return false;
}

static int add_word(char *word, struct ref *refs, size_t max, size_t *count, struct err *err)
{
	const struct resource_kind *kind = NULL;
	size_t before = *count;

	while ((kind = resource_kind_next(kind)) != NULL) {
		if (!is_in_group(kind, word))
			continue;
		if (*count == max)
			return err_set(err, ERR_LIMIT, "more than %zu kinds", max);
		refs[(*count)++] = (struct ref){ .kind = kind };
	}
	if (*count > before)
		return 0;
	if (*count == max)
		return err_set(err, ERR_LIMIT, "more than %zu words", max);
	return ref_parse(word, &refs[(*count)++], err);
}

int ref_parse_list(char *text, struct ref *refs, size_t max, size_t *out_count, struct err *err)
{
	char *word;
	int rc = 0;

	*out_count = 0;
	while (rc == 0 && (word = strsep(&text, ",")) != NULL)
		rc = add_word(word, refs, max, out_count, err);
	return rc;
}

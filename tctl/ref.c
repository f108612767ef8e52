#include "tctl/ref.h"

#include "base/err.h"
#include "base/str.h"
#include "conf/suggest.h"
#include "model/resource.h"

#include <string.h>

int ref_kind(const char *name, const struct resource_kind **out, struct err *err)
{
	const struct resource_kind *kind = resource_kind_find(name);
	struct suggest s;

	if (kind != NULL) {
		*out = kind;
		return 0;
	}
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
	ref.name = rest; /* a name holds no slash; authd says so if this one does */
	if ((ref.sub_kind != NULL && *ref.sub_kind == 0) || (ref.name != NULL && *ref.name == 0))
		return err_set(err, ERR_INVALID, "which %s?", ref.kind->name);
	*out = ref;
	return 0;
}

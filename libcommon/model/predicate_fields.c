#include "model/predicate_inside.h"

#include "base/str.h"
#include "model/label.h"
#include "model/resource.h"
#include "model/template.h"

#include <string.h>

static void set_text(struct predicate_value *out, const char *text)
{
	out->text = text != NULL ? text : "";
}

/* --- user ------------------------------------------------------------------------------------ */

static bool get_user_name(const struct predicate_context *ctx, const char *key,
                          struct predicate_value *out)
{
	(void)key;
	if (ctx->who == NULL)
		return false;
	set_text(out, ctx->who->user);
	return true;
}

static bool get_user_roles(const struct predicate_context *ctx, const char *key,
                           struct predicate_value *out)
{
	(void)key;
	if (ctx->who == NULL)
		return false;
	out->items = ctx->who->roles;
	out->count = ctx->who->roles_count;
	return true;
}

static bool get_user_trait(const struct predicate_context *ctx, const char *key,
                           struct predicate_value *out)
{
	const pv_Strings *values;

	if (ctx->who == NULL)
		return false;
	values = traits_get(&(struct traits){ ctx->who->traits, ctx->who->traits_count }, key);
	out->items = values != NULL ? values->values : NULL;
	out->count = values != NULL ? values->values_count : 0;
	return true;
}

/* --- resources ------------------------------------------------------------------------------- */

static bool name_of(const pv_Resource *r, struct predicate_value *out)
{
	if (r == NULL)
		return false;
	set_text(out, resource_name(r));
	return true;
}

static bool label_of(const pv_Resource *r, const char *key, struct predicate_value *out)
{
	const pv_Metadata *meta;

	if (r == NULL)
		return false;
	meta = resource_metadata_of(r);
	set_text(out, NULL);
	for (size_t i = 0; i < meta->labels_count; i++)
		if (str_eq(meta->labels[i].key, key))
			set_text(out, meta->labels[i].value);
	return true;
}

static bool get_name(const struct predicate_context *ctx, const char *key,
                     struct predicate_value *out)
{
	(void)key;
	return name_of(ctx->resource, out);
}

static bool get_label(const struct predicate_context *ctx, const char *key,
                      struct predicate_value *out)
{
	return label_of(ctx->resource, key, out);
}

static bool get_kind(const struct predicate_context *ctx, const char *key,
                     struct predicate_value *out)
{
	const struct resource_kind *kind;

	(void)key;
	if (ctx->resource == NULL)
		return false;
	kind = resource_kind_of(ctx->resource);
	set_text(out, kind != NULL ? kind->name : NULL);
	return true;
}

static bool get_sub_kind(const struct predicate_context *ctx, const char *key,
                         struct predicate_value *out)
{
	(void)key;
	if (ctx->resource == NULL)
		return false;
	set_text(out, resource_sub_kind_of(ctx->resource));
	return true;
}

static bool get_impersonated_user(const struct predicate_context *ctx, const char *key,
                                  struct predicate_value *out)
{
	(void)key;
	return name_of(ctx->impersonated_user, out);
}

static bool get_impersonated_user_label(const struct predicate_context *ctx, const char *key,
                                        struct predicate_value *out)
{
	return label_of(ctx->impersonated_user, key, out);
}

static bool get_impersonated_role(const struct predicate_context *ctx, const char *key,
                                  struct predicate_value *out)
{
	(void)key;
	return name_of(ctx->impersonated_role, out);
}

static bool get_impersonated_role_label(const struct predicate_context *ctx, const char *key,
                                        struct predicate_value *out)
{
	return label_of(ctx->impersonated_role, key, out);
}

/* --- sessions -------------------------------------------------------------------------------- */

/* A resource that is no session has none of a session's fields. */
static bool session_of(const struct predicate_context *ctx, const pv_SessionSpec **out)
{
	static const pv_SessionSpec none = pv_SessionSpec_init_zero;

	if (ctx->resource == NULL)
		return false;
	*out = ctx->resource->which_of == pv_Resource_session_tag ? &ctx->resource->of.session.spec
	                                                          : &none;
	return true;
}

static bool get_participants(const struct predicate_context *ctx, const char *key,
                             struct predicate_value *out)
{
	const pv_SessionSpec *session;

	(void)key;
	if (!session_of(ctx, &session))
		return false;
	out->items = session->participants;
	out->count = session->participants_count;
	return true;
}

static bool get_owner(const struct predicate_context *ctx, const char *key,
                      struct predicate_value *out)
{
	const pv_SessionSpec *session;

	(void)key;
	if (!session_of(ctx, &session))
		return false;
	set_text(out, session->user);
	return true;
}

static bool get_login(const struct predicate_context *ctx, const char *key,
                      struct predicate_value *out)
{
	const pv_SessionSpec *session;

	(void)key;
	if (!session_of(ctx, &session))
		return false;
	set_text(out, session->login);
	return true;
}

/* --- nodes ----------------------------------------------------------------------------------- */

static bool get_node_label(const struct predicate_context *ctx, const char *key,
                           struct predicate_value *out)
{
	if (ctx->labels == NULL)
		return false;
	set_text(out, label_get(ctx->labels, key));
	return true;
}

/* --- access requests ------------------------------------------------------------------------- */

static bool get_request_roles(const struct predicate_context *ctx, const char *key,
                              struct predicate_value *out)
{
	(void)key;
	if (ctx->request == NULL)
		return false;
	out->items = ctx->request->roles;
	out->count = ctx->request->roles_count;
	return true;
}

static bool get_request_reason(const struct predicate_context *ctx, const char *key,
                               struct predicate_value *out)
{
	(void)key;
	if (ctx->request == NULL)
		return false;
	set_text(out, ctx->request->request_reason);
	return true;
}

static bool get_request_annotation(const struct predicate_context *ctx, const char *key,
                                   struct predicate_value *out)
{
	const pv_AccessRequestSpec *r = ctx->request;

	if (r == NULL)
		return false;
	for (size_t i = 0; i < r->system_annotations_count; i++)
		if (str_eq(r->system_annotations[i].key, key)) {
			out->items = r->system_annotations[i].value.values;
			out->count = r->system_annotations[i].value.values_count;
		}
	return true;
}

static bool get_review_reason(const struct predicate_context *ctx, const char *key,
                              struct predicate_value *out)
{
	(void)key;
	if (ctx->review == NULL)
		return false;
	set_text(out, ctx->review->reason);
	return true;
}

/* --- the table ------------------------------------------------------------------------------- */

#define BOTH     (PREDICATE_WHERE | PREDICATE_LABELS)
#define REQUESTS (PREDICATE_JUDGE | PREDICATE_REVIEW)

static const struct predicate_field fields[] = {
	{ "user.metadata.name", PREDICATE_TEXT, false, BOTH, get_user_name },
	{ "user.spec.roles", PREDICATE_LIST, false, BOTH, get_user_roles },
	{ "user.spec.traits", PREDICATE_LIST, true, BOTH, get_user_trait },
	{ "labels", PREDICATE_TEXT, true, PREDICATE_LABELS, get_node_label },
	{ "resource.kind", PREDICATE_TEXT, false, PREDICATE_WHERE, get_kind },
	{ "resource.sub_kind", PREDICATE_TEXT, false, PREDICATE_WHERE, get_sub_kind },
	{ "resource.metadata.name", PREDICATE_TEXT, false, PREDICATE_WHERE, get_name },
	{ "resource.metadata.labels", PREDICATE_TEXT, true, PREDICATE_WHERE, get_label },
	{ "session.participants", PREDICATE_LIST, false, PREDICATE_WHERE, get_participants },
	{ "session.kind", PREDICATE_TEXT, false, PREDICATE_WHERE, get_sub_kind },
	{ "session.owner", PREDICATE_TEXT, false, PREDICATE_WHERE, get_owner },
	{ "session.login", PREDICATE_TEXT, false, PREDICATE_WHERE, get_login },
	{ "ssh_session.participants", PREDICATE_LIST, false, PREDICATE_WHERE, get_participants },
	{ "ssh_session.kind", PREDICATE_TEXT, false, PREDICATE_WHERE, get_sub_kind },
	{ "ssh_session.owner", PREDICATE_TEXT, false, PREDICATE_WHERE, get_owner },
	{ "ssh_session.login", PREDICATE_TEXT, false, PREDICATE_WHERE, get_login },
	{ "impersonate_user.metadata.name", PREDICATE_TEXT, false, PREDICATE_WHERE,
	  get_impersonated_user },
	{ "impersonate_user.metadata.labels", PREDICATE_TEXT, true, PREDICATE_WHERE,
	  get_impersonated_user_label },
	{ "impersonate_role.metadata.name", PREDICATE_TEXT, false, PREDICATE_WHERE,
	  get_impersonated_role },
	{ "impersonate_role.metadata.labels", PREDICATE_TEXT, true, PREDICATE_WHERE,
	  get_impersonated_role_label },
	{ "reviewer.roles", PREDICATE_LIST, false, REQUESTS, get_user_roles },
	{ "reviewer.traits", PREDICATE_LIST, true, REQUESTS, get_user_trait },
	{ "request.roles", PREDICATE_LIST, false, REQUESTS, get_request_roles },
	{ "request.reason", PREDICATE_TEXT, false, REQUESTS, get_request_reason },
	{ "request.system_annotations", PREDICATE_LIST, true, REQUESTS, get_request_annotation },
	{ "review.reason", PREDICATE_TEXT, false, PREDICATE_REVIEW, get_review_reason },
};

const struct predicate_field *predicate_field_find(const char *name, enum predicate_use use,
                                                   const char **out_key)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct predicate_field *f = &fields[i];
		size_t len = strlen(f->name);

		if ((f->uses & use) == 0 || strncmp(name, f->name, len) != 0)
			continue;
		if (name[len] != 0 && (!f->is_map || name[len] != '.' || name[len + 1] == 0))
			continue;
		*out_key = name[len] == '.' ? name + len + 1 : NULL;
		return f;
	}
	return NULL;
}

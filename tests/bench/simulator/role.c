#include "tests/bench/simulator/role.h"

#include <stdio.h>

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

void role_fill(struct role *r, const char *name, unsigned number)
{
	pv_Role *role = &r->resource.of.role;

	*r = (struct role){ .resource = { .which_of = pv_Resource_role_tag } };
	snprintf(r->login, sizeof(r->login), "login-%u", number);
	r->logins[0] = r->login;
	r->logins[1] = text("{{internal.logins}}");
	r->label_values[0] = text("production");
	r->label_values[1] = text("staging");
	r->labels[0].key = text("environment");
	r->labels[0].has_value = true;
	r->labels[0].value = (pv_Strings){ .values_count = 2, .values = r->label_values };
	role->kind = text("role");
	role->version = text("v4");
	role->has_metadata = true;
	role->metadata.name = text(name);
	role->metadata.description = text("log in to what serves customers");
	role->has_spec = true;
	role->spec.has_options = true;
	role->spec.options.max_session_ttl = 8 * 3600 * 1000;
	role->spec.has_allow = true;
	role->spec.allow.logins = r->logins;
	role->spec.allow.logins_count = 2;
	role->spec.allow.node_labels = r->labels;
	role->spec.allow.node_labels_count = 1;
}

/* change_audit - which event tells of a change of which kind: who, what, from where. */
#include "authd/resources/change.h"

#include "authd/audit/audit_log.h"
#include "authd/core/authd.h"

#include "audit/audit.h"

/* A kind without a row has the events of resources in general, which name it. */
static const struct kind_events {
	pb_size_t tag;
	enum audit_kind created;
	enum audit_kind updated;
	enum audit_kind deleted;
} events[] = {
	{ pv_Resource_role_tag, AUDIT_ROLE_CREATED, AUDIT_ROLE_UPDATED, AUDIT_ROLE_DELETED },
	{ pv_Resource_user_tag, AUDIT_USER_CREATE, AUDIT_USER_UPDATE, AUDIT_USER_DELETE },
	{ pv_Resource_lock_tag, AUDIT_LOCK_CREATED, AUDIT_LOCK_CREATED, AUDIT_LOCK_DELETED },
	{ pv_Resource_token_tag, AUDIT_JOIN_TOKEN_CREATE, AUDIT_RESOURCE_UPDATE,
	  AUDIT_RESOURCE_DELETE },
	{ pv_Resource_github_tag, AUDIT_GITHUB_CREATED, AUDIT_GITHUB_UPDATED,
	  AUDIT_GITHUB_DELETED },
	{ pv_Resource_oidc_tag, AUDIT_OIDC_CREATED, AUDIT_OIDC_UPDATED, AUDIT_OIDC_DELETED },
	{ pv_Resource_access_request_tag, AUDIT_ACCESS_REQUEST_CREATE, AUDIT_ACCESS_REQUEST_UPDATE,
	  AUDIT_ACCESS_REQUEST_DELETE },
	{ pv_Resource_trusted_cluster_tag, AUDIT_TRUSTED_CLUSTER_CREATE,
	  AUDIT_TRUSTED_CLUSTER_CREATE, AUDIT_TRUSTED_CLUSTER_DELETE },
	{ pv_Resource_cluster_auth_preference_tag, AUDIT_AUTH_PREFERENCE_UPDATE,
	  AUDIT_AUTH_PREFERENCE_UPDATE, AUDIT_AUTH_PREFERENCE_UPDATE },
	{ pv_Resource_cluster_networking_config_tag, AUDIT_NETWORKING_CONFIG_UPDATE,
	  AUDIT_NETWORKING_CONFIG_UPDATE, AUDIT_NETWORKING_CONFIG_UPDATE },
	{ pv_Resource_session_recording_config_tag, AUDIT_RECORDING_CONFIG_UPDATE,
	  AUDIT_RECORDING_CONFIG_UPDATE, AUDIT_RECORDING_CONFIG_UPDATE },
};

static const struct kind_events any = {
	0,
	AUDIT_RESOURCE_CREATE,
	AUDIT_RESOURCE_UPDATE,
	AUDIT_RESOURCE_DELETE,
};

static enum audit_kind event_of(const struct change_item *item)
{
	const struct kind_events *e = &any;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i].tag == item->kind->tag)
			e = &events[i];
	if (item->outcome == CHANGE_DELETED)
		return e->deleted;
	return item->outcome == CHANGE_UPDATED ? e->updated : e->created;
}

void change_report(const struct change *c, const struct change_item *item)
{
	struct audit_event event;

	audit_event_init(&event, event_of(item), true, authd_now(c->authd));
	event.pb.user = audit_text(c->user);
	event.pb.addr_remote = audit_text(c->addr);
	event.pb.name = item->name;
	event.pb.target = audit_text(item->kind->name);
	event.pb.expires = resource_metadata_of(&item->resource)->expires;
	if (item->resource.which_of == pv_Resource_user_tag) {
		event.pb.roles = item->resource.of.user.spec.roles;
		event.pb.roles_count = item->resource.of.user.spec.roles_count;
	}
	audit_log_report(c->authd, &event);
}

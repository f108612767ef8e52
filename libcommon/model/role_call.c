#include "base/err.h"
#include "model/role_inside.h"
#include "model/rule.h"

#include <string.h>

/* What everybody may list and read, beyond their roles. */
static const char *const implicit_kinds[] = {
	"node",
	"proxy",
	"auth_server",
	"reverse_tunnel",
	"remote_cluster",
	"cluster_name",
	"cluster_auth_preference",
	"cluster_networking_config",
	"app_server",
	"kube_service",
	"kube_server",
	"session_tracker",
	"ssh_session",
};

static bool implicit_role_allows(const char *kind, const char *verb)
{
	bool lists = strcmp(verb, "list") == 0 || strcmp(verb, "readnosecrets") == 0;

	if (!lists && strcmp(verb, "read") != 0)
		return false;
	for (size_t i = 0; i < sizeof(implicit_kinds) / sizeof(implicit_kinds[0]); i++)
		if (strcmp(kind, implicit_kinds[i]) == 0)
			return true;
	return lists && strcmp(kind, "cert_authority") == 0;
}

static void deny(const struct role_call *call, struct err *err)
{
	err_set(err, ERR_DENIED, "access denied to perform action '%s' on '%s'", call->verb,
	        call->kind);
}

static enum role_verdict denied_by(const struct role *r, const struct role_call *call,
                                   struct err *err)
{
	err_set(err, ERR_DENIED,
	        "access denied to perform action '%s' on '%s': role '%s' denies it", call->verb,
	        call->kind, r->name);
	return ROLE_CALL_DENIED;
}

static enum predicate_truth ask_part(const struct role_part *part, const struct rule_question *q,
                                     struct err *why)
{
	return part->in_scope ? rules_match(part->rules, q, why) : PREDICATE_NO;
}

enum role_verdict role_set_judge_call(const struct role_set *s, const struct role_call *call,
                                      struct err *err)
{
	const struct rule_question q = {
		call->kind, call->verb,    { .who = &s->who, .resource = call->resource },
		call->log,  call->log_arg,
	};
	bool perhaps = false, allowed = s->implicit && implicit_role_allows(call->kind, call->verb);
	bool depends = false;
	struct err why = { 0 };

	deny(call, err);
	for (size_t i = 0; i < s->count; i++) {
		enum predicate_truth truth = ask_part(&s->roles[i].deny, &q, &why);

		if (truth == PREDICATE_YES)
			return denied_by(&s->roles[i], call, err);
		depends |= truth == PREDICATE_UNKNOWN;
	}
	for (size_t i = 0; i < s->count && !allowed; i++) {
		enum predicate_truth truth = ask_part(&s->roles[i].allow, &q, &why);

		allowed = truth == PREDICATE_YES;
		perhaps |= truth == PREDICATE_UNKNOWN;
	}
	if (allowed && !depends)
		return ROLE_CALL_ALLOWED;
	if (!allowed && !perhaps)
		return ROLE_CALL_DENIED;
	err_set(err, ERR_DENIED, "access denied to perform action '%s' on '%s': %s", call->verb,
	        call->kind, why.msg);
	return ROLE_CALL_DEPENDS;
}

int role_set_check_call(const struct role_set *s, const struct role_call *call, struct err *err)
{
	return role_set_judge_call(s, call, err) == ROLE_CALL_ALLOWED ? 0 : err->code;
}

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/predicate.h"
#include "model/role_inside.h"

#include <string.h>

/* A login on a node, asked of one role after the other. */
struct asked {
	const char *node_name;
	const char *login; /* NULL: any */
	struct predicate_context ctx;
};

static struct asked ask(const struct role_set *s, const char *node_name,
                        const struct label_set *labels, const char *login)
{
	return (struct asked){ node_name, login, { .who = &s->who, .labels = labels } };
}

/* --- one role -------------------------------------------------------------------------------- */

static bool denies_login(const struct role *r, const char *login)
{
	return login != NULL && r->deny.in_scope && strlist_has(&r->deny.logins, login);
}

static bool denies_node(const struct role *r, const struct asked *a, struct label_finding *f)
{
	return r->deny.in_scope && label_filter_match(&r->deny.nodes, &a->ctx, f);
}

static bool has_login(const struct role *r, const char *login)
{
	if (!r->allow.in_scope)
		return false;
	return login != NULL ? strlist_has(&r->allow.logins, login) : r->allow.logins.count > 0;
}

static bool reaches_node(const struct role *r, const struct asked *a, struct label_finding *f)
{
	return r->allow.in_scope && label_filter_match(&r->allow.nodes, &a->ctx, f);
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Deny first, in every role: its labels or its logins are enough. */
static int check_denials(const struct role_set *s, const struct asked *a, struct err *err)
{
	struct label_finding f;

	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];

		if (denies_node(r, a, &f))
			return err_set(err, ERR_DENIED, "role '%s' denies access to node '%s'%s%s",
			               r->name, a->node_name, f.failed ? ": " : "",
			               f.failed ? f.err.msg : "");
		if (denies_login(r, a->login))
			return err_set(err, ERR_DENIED, "role '%s' denies login '%s'", r->name,
			               a->login);
	}
	return 0;
}

/* Says what is missing: no role reaches the node, none has the login, or none has both. */
static int deny_for_want(const struct role_set *s, const struct asked *a, struct err *err)
{
	bool reaches = false, has = false;
	struct label_finding f, failed = { 0 };

	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];
		bool match = reaches_node(r, a, &f);

		if (r->allow.in_scope && !match && f.failed && !failed.failed)
			failed = f;
		reaches |= match;
		has |= has_login(r, a->login);
	}
	if (!reaches || a->login == NULL)
		return err_set(err, ERR_DENIED, "no role allows access to node '%s'%s%s",
		               a->node_name, failed.failed ? ": " : "",
		               failed.failed ? failed.err.msg : "");
	if (!has)
		return err_set(err, ERR_DENIED, "no role allows login '%s'", a->login);
	return err_set(err, ERR_DENIED, "no role that reaches node '%s' allows login '%s'",
	               a->node_name, a->login);
}

/* One role must have it all. */
static int check_allowed(const struct role_set *s, const struct asked *a, struct err *err)
{
	struct label_finding f;

	for (size_t i = 0; i < s->count; i++)
		if (has_login(&s->roles[i], a->login) && reaches_node(&s->roles[i], a, &f))
			return 0;
	return deny_for_want(s, a, err);
}

int role_set_check_login(const struct role_set *s, const char *node_name,
                         const struct label_set *labels, const char *login, struct err *err)
{
	const struct asked a = ask(s, node_name, labels, login);
	int rc = check_denials(s, &a, err);

	return rc != 0 ? rc : check_allowed(s, &a, err);
}

int role_set_check_not_denied(const struct role_set *s, const char *node_name,
                              const struct label_set *labels, const char *login, struct err *err)
{
	const struct asked a = ask(s, node_name, labels, login);

	return check_denials(s, &a, err);
}

int role_set_check_node(const struct role_set *s, const char *node_name,
                        const struct label_set *labels, struct err *err)
{
	const struct asked a = ask(s, node_name, labels, NULL);
	struct strlist logins = { 0 };
	int rc = check_denials(s, &a, err);

	if (rc == 0)
		rc = check_allowed(s, &a, err);
	if (rc == 0)
		rc = role_set_node_logins(s, labels, &logins, err);
	if (rc == 0 && logins.count == 0)
		rc = err_set(err, ERR_DENIED, "every login on node '%s' is denied", node_name);
	strlist_deinit(&logins);
	return rc;
}

/* --- why ------------------------------------------------------------------------------------- */

static enum role_says opinion_of(const struct role *r, const struct asked *a,
                                 struct label_finding *f)
{
	bool has, reaches;

	f->key = NULL;
	f->failed = false;
	if (denies_node(r, a, f))
		return ROLE_DENIES_NODE;
	if (denies_login(r, a->login))
		return ROLE_DENIES_LOGIN;
	if (!r->allow.in_scope)
		return ROLE_IS_ELSEWHERE;
	has = has_login(r, a->login);
	reaches = reaches_node(r, a, f);
	if (has)
		return reaches ? ROLE_ALLOWS : ROLE_LACKS_NODE;
	return reaches ? ROLE_LACKS_LOGIN : ROLE_LACKS_BOTH;
}

int role_set_explain(const struct role_set *s, const char *node_name,
                     const struct label_set *labels, const char *login, role_opinion_fn fn,
                     void *arg, struct err *err)
{
	const struct asked a = ask(s, node_name, labels, login);
	struct label_finding f;

	for (size_t i = 0; i < s->count; i++) {
		struct role_opinion o = { s->roles[i].name, opinion_of(&s->roles[i], &a, &f), NULL,
			                  NULL };

		if (o.says == ROLE_DENIES_NODE || o.says == ROLE_LACKS_NODE ||
		    o.says == ROLE_LACKS_BOTH) {
			o.label = f.key;
			o.failed = f.failed ? f.err.msg : NULL;
		}
		fn(arg, &o);
	}
	if (login == NULL)
		return role_set_check_node(s, node_name, labels, err);
	return role_set_check_login(s, node_name, labels, login, err);
}

/* --- lists of logins ------------------------------------------------------------------------- */

/* Without what any role denies. */
static void subtract_denied(const struct role_set *s, struct strlist *logins)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; s->roles[i].deny.in_scope && k < s->roles[i].deny.logins.count;
		     k++)
			strlist_remove(logins, s->roles[i].deny.logins.items[k]);
	strlist_sort(logins);
}

static int add_allowed(const struct role *r, struct strlist *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->allow.logins.count; i++)
		rc = strlist_add_new(out, r->allow.logins.items[i], err);
	return rc;
}

int role_set_node_logins(const struct role_set *s, const struct label_set *labels,
                         struct strlist *out, struct err *err)
{
	const struct asked a = ask(s, "", labels, NULL);
	struct label_finding f;
	int rc = 0;

	if (check_denials(s, &a, err) != 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (reaches_node(&s->roles[i], &a, &f))
			rc = add_allowed(&s->roles[i], out, err);
	subtract_denied(s, out);
	return rc;
}

int role_set_logins(const struct role_set *s, int64_t ttl_ms, struct strlist *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (s->roles[i].allow.in_scope && s->roles[i].ttl >= ttl_ms)
			rc = add_allowed(&s->roles[i], out, err);
	subtract_denied(s, out);
	return rc;
}

/* --- options that a login decides ------------------------------------------------------------ */

bool role_set_forwards_agent(const struct role_set *s, const char *login)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct role *r = &s->roles[i];

		if (r->pb.spec.options.has_forward_agent && r->pb.spec.options.forward_agent &&
		    has_login(r, login))
			return true;
	}
	return false;
}

static bool wants_strict_recording(const pv_RecordSession *r)
{
	return str_eq(str_empty(r->ssh) ? r->default_mode : r->ssh, "strict");
}

bool role_set_records_strictly(const struct role_set *s, const struct label_set *labels,
                               const char *login)
{
	const struct asked a = ask(s, "", labels, login);
	struct label_finding f;

	for (size_t i = 0; i < s->count; i++)
		if (wants_strict_recording(&s->roles[i].pb.spec.options.record_session) &&
		    has_login(&s->roles[i], login) && reaches_node(&s->roles[i], &a, &f))
			return true;
	return false;
}

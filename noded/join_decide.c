#include "noded/join_decide.h"

#include "base/err.h"
#include "base/str.h"
#include "noded/noded.h"
#include "noded/policy.h"
#include "noded/session.h"

static int find_session(const struct noded *n, const struct join_wish *wish, struct session **out,
                        struct err *err)
{
	const char *sid = wish->session_id != NULL ? wish->session_id : "";

	*out = session_find(n, sid);
	if (*out == NULL || (*out)->end_reason != NULL)
		return err_set(err, ERR_NOT_FOUND, "no live session '%.40s' on this node", sid);
	if (!(*out)->tty)
		return err_set(err, ERR_INVALID, "session '%s' has no terminal", sid);
	return 0;
}

static struct role_join join_of(const struct session *s, const struct join_wish *wish)
{
	return (struct role_join){ .kind = "ssh",
		                   .mode = wish->mode,
		                   .owner = s->identity.user,
		                   .owner_roles = s->identity.roles,
		                   .owner_roles_count = s->identity.roles_count };
}

int join_decide(const struct noded *n, const struct join_wish *wish, int64_t *out_end,
                struct err *err)
{
	struct policy_subject who = { wish->identity, NULL, wish->client, NULL };
	struct role_join join;
	struct role_set *roles;
	struct session *s;

	if (!str_eq(wish->mode, "observer") && !str_eq(wish->mode, "peer"))
		return err_set(err, ERR_INVALID, "mode: neither 'observer' nor 'peer'");
	if (find_session(n, wish, &s, err) != 0)
		return err->code;
	join = join_of(s, wish);
	who.login = s->login;
	who.join = &join;
	if (policy_check(n, &who, &roles, err) != 0)
		return err->code;
	*out_end = policy_end(n, roles, wish->identity);
	role_set_unref(roles);
	return 0;
}

int join_decide_again(const struct noded *n, const struct join_wish *wish, int64_t *out_end,
                      struct err *err)
{
	struct policy_subject who = { wish->identity, NULL, wish->client, NULL };
	struct role_join join;
	struct session *s;

	s = session_find(n, wish->session_id);
	if (s == NULL || s->end_reason != NULL) {
		*out_end = 0; /* its supervisor says goodbye */
		return 0;
	}
	join = join_of(s, wish);
	who.login = s->login;
	who.join = &join;
	return policy_check_again(n, &who, out_end, err);
}

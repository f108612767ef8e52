/* tctl lock - keep somebody or something out, from now on and out of what is open. */
#include "tctl/api.h"
#include "tctl/cmd.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"
#include "conf/args.h"
#include "model/resource.h"

#include "proto/auth.pb.h"

#include <stdlib.h>
#include <string.h>

struct search {
	const char *hostname;
	char *id;
	bool twice;
};

static int look_at(void *arg, const pv_Resource *r, struct err *err)
{
	struct search *s = arg;

	if (!str_eq(r->of.node.spec.hostname, s->hostname))
		return 0;
	s->twice = s->id != NULL;
	free(s->id);
	s->id = strdup(resource_name(r));
	return s->id != NULL ? 0 : err_set_nomem(err);
}

/* The UUID of a node that is named by its hostname; malloc'ed. */
static int find_node(struct tctl *t, const char *name, char **out, struct err *err)
{
	pv_ListResourcesRequest query = { .kind = (char *)"node", .search = (char *)name };
	struct search s = { .hostname = name };

	if (resource_is_uuid(name)) {
		*out = strdup(name);
		return *out != NULL ? 0 : err_set_nomem(err);
	}
	if (api_list(t, &query, look_at, &s, err) != 0) {
		free(s.id);
		return err->code;
	}
	if (s.id == NULL || s.twice) {
		free(s.id);
		return err_set(err, s.twice ? ERR_INVALID : ERR_NOT_FOUND,
		               s.twice ? "there are several nodes '%s': name one by its UUID"
		                       : "no such node '%s'",
		               name);
	}
	*out = s.id;
	return 0;
}

struct until {
	const char *ttl;
	const char *expires;
};

static int read_until(const struct until *u, int64_t *out, struct err *err)
{
	int64_t ttl;

	*out = 0;
	if (u->ttl != NULL && u->expires != NULL)
		return err_set(err, ERR_INVALID, "either --ttl or --expires");
	if (u->expires != NULL && str_to_time(u->expires, out, err) != 0)
		return err_wrap(err, "--expires");
	if (cmd_ttl(u->ttl, &ttl, err) != 0)
		return err->code;
	if (ttl > 0)
		*out = clock_wall_ms(clock_system()) + ttl;
	return 0;
}

static int lock(struct tctl *t, pv_LockSpec *spec, struct err *err)
{
	pv_PutResourceRequest request = { .has_resource = true };
	pv_Lock *l = &request.resource.of.lock;
	char id[RAND_UUID_SIZE];

	rand_uuid(id);
	request.resource.which_of = pv_Resource_lock_tag;
	l->has_metadata = l->has_spec = spec->has_target = true;
	l->metadata.name = id;
	l->spec = *spec; /* the request borrows it all */
	if (api_call(t, AUTH_PUT_RESOURCE, &request, NULL, err) != 0)
		return err_wrap(err, "lock");
	fprintf(t->out, "Created a lock with name \"%s\".\n", id);
	return 0;
}

int cmd_lock(struct tctl *t, int argc, char **argv, struct err *err)
{
	pv_LockSpec spec = { 0 };
	pv_LockTarget *target = &spec.target;
	const char *node = NULL;
	struct until until = { 0 };
	const struct args_option options[] = {
		{ "user", 0, ARGS_TEXT, &target->user },
		{ "role", 0, ARGS_TEXT, &target->role },
		{ "login", 0, ARGS_TEXT, &target->login },
		{ "node", 0, ARGS_TEXT, &node },
		{ "server-id", 0, ARGS_TEXT, &node },
		{ "access-request", 0, ARGS_TEXT, &target->access_request },
		{ "message", 0, ARGS_TEXT, &spec.message },
		{ "ttl", 0, ARGS_TEXT, &until.ttl },
		{ "expires", 0, ARGS_TEXT, &until.expires },
		{ 0 },
	};
	int rc = cmd_parse(t, options, 0, 0, &argc, argv, err);

	if (rc == 0 && target->user == NULL && target->role == NULL && target->login == NULL &&
	    node == NULL && target->access_request == NULL)
		rc = err_set(err, ERR_INVALID,
		             "what? (--user, --role, --login, --node or --access-request)");
	if (rc == 0)
		rc = read_until(&until, &spec.expires, err);
	if (rc == 0 && node != NULL)
		rc = find_node(t, node, &target->node, err);
	if (rc == 0)
		rc = lock(t, &spec, err);
	free(target->node);
	return rc;
}

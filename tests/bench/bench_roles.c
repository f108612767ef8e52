/*
 * bench_roles - microseconds to make a set of 1,000 roles, to decide one login with it when only
 * the last role allows, and one call; every role has a glob, a regular expression and a rule with a
 * condition. And to find a set of three roles that was made before.
 */
#include "model/role.h"

#include "base/err.h"
#include "base/strlist.h"
#include "base/str.h"
#include "model/resource.h"
#include "model/role_cache.h"
#include "wire/fields.h"

#include "proto/resource.fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROLES 1000
#define TIMES 200

static void die_unless(int ok, const struct err *err)
{
	if (ok)
		return;
	fprintf(stderr, "bench_roles: %s\n", err->msg);
	exit(1);
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int lookup(void *arg, const char *name, pv_Role *out, struct err *err)
{
	const char *number = strchr(name, '-') + 1;
	char *yaml = str_printf("{metadata: {name: %s}, spec: {allow: {logins: [dev, "
	                        "'{{internal.logins}}'], node_labels: {app: 'app-*-%s', env: "
	                        "'^(dev|qa)-[0-9]+$'}, rules: [{resources: [token], verbs: "
	                        "[read], where: 'equals(user.metadata.name, \"%s\")'}]}, deny: "
	                        "{node_labels: {pci: 'true'}}}}",
	                        name, number, strcmp(number, "999") == 0 ? "alice" : "bob");
	pv_Resource r = { .which_of = pv_Resource_role_tag };

	(void)arg;
	die_unless(yaml != NULL, err);
	die_unless(fields_from_yaml(&pv_Role_table, "role", yaml, strlen(yaml), &r.of.role, err) ==
	                   0,
	           err);
	die_unless(resource_validate(&r, err) == 0, err);
	free(yaml);
	*out = r.of.role;
	return 0;
}

/* Asking again for the set of somebody with three roles. */
static void measure_cache(pv_Identity *who)
{
	struct role_cache *cache = role_cache_new(1, lookup, NULL);
	struct role_set *set;
	struct err err;
	double start;

	who->roles_count = 3;
	die_unless(cache != NULL, &err);
	die_unless(role_cache_get(cache, who, &set, &err) == 0, &err);
	role_set_unref(set);
	start = now_us();
	for (int i = 0; i < TIMES; i++) {
		die_unless(role_cache_get(cache, who, &set, &err) == 0, &err);
		role_set_unref(set);
	}
	printf("roles.kept_set_of_3 ours=%.1f unit=us\n", (now_us() - start) / TIMES);
	role_cache_free(cache);
}

int main(void)
{
	const struct label items[] = { { "app", "app-web-999" }, { "env", "qa-7" } };
	const struct label_set labels = { items, 2 };
	pv_Identity who = { .user = (char[]){ "alice" } };
	struct strlist names = { 0 };
	const struct role_call call = { .kind = "token", .verb = "read" };
	struct role_set *set;
	struct err err;
	double start, made;

	for (int i = 0; i < ROLES; i++)
		strlist_take(&names, str_printf("role-%d", i), &err);
	start = now_us();
	who.roles = names.items;
	who.roles_count = (pb_size_t)names.count;
	die_unless(role_set_new(&set, &who, lookup, NULL, &err) == 0, &err);
	made = now_us();
	for (int i = 0; i < TIMES; i++)
		die_unless(role_set_check_login(set, "web-1", &labels, "dev", &err) == 0, &err);
	printf("roles.make_set_of_1000 ours=%.0f unit=us\n", made - start);
	printf("roles.decide_login_of_1000 ours=%.1f unit=us\n", (now_us() - made) / TIMES);
	start = now_us();
	for (int i = 0; i < TIMES; i++)
		die_unless(role_set_check_call(set, &call, &err) == 0, &err);
	printf("roles.decide_call_of_1000 ours=%.1f unit=us\n", (now_us() - start) / TIMES);
	measure_cache(&who);
	role_set_unref(set);
	strlist_deinit(&names);
	return 0;
}

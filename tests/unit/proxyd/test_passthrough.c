#include "proxyd/passthrough.h"

#include "model/trust.h"

#include "tests/unit/proxyd/proxy_world.h"

/* Another cluster's authority, as the cache would bring it. */
static void know(struct proxy_world *w, const char *type, const char *cluster,
                 const struct pki *pki)
{
	pv_CertAuthority ca;
	struct err err = { 0 };

	member_authority(&ca, type, "no ssh key", pki);
	member_check(fields_set_str(&ca.spec.cluster_name, cluster, &err), &err);
	member_check(host_take_authority(w->p.host, &ca, &err), &err);
	fields_release(&pv_CertAuthority_table, &ca);
}

/* "leaf" lets our people in; "root" is one whose people we let in. */
static void names_choose_what_is_passed_on(void **state)
{
	static const struct {
		const char *name;
		bool wanted, forwarded; /* by anybody; by another cluster's proxy */
	} rows[] = {
		{ "authd", true, true },
		{ "auth." MEMBER_CLUSTER, true, true },
		{ "kube." MEMBER_CLUSTER, true, true },
		{ "proxy." MEMBER_CLUSTER, false, false }, /* we are it */
		{ "auth.leaf", true, false },              /* no third cluster */
		{ "proxy.leaf", true, false },
		{ "kube.leaf", true, false },
		{ "prod.kube.leaf", true, false },
		{ "node.leaf", false, false },
		{ "xauth.leaf", false, false },
		{ "leaf", false, false },
		{ "auth.root", false, false },
		{ "proxy.root", false, false },
		{ "auth.unknown", false, false },
		{ "proxy.www.leaf", false, false },
		{ "auth.www", false, false }, /* a name of ours */
		{ "", false, false },
	};
	struct proxy_world *w = world_begin(*state);
	char *names[] = { (char *)"auth.www" };
	struct pki other;

	world_start(w);
	pki_init(&other, "host CA");
	know(w, "host", "leaf", &other);
	know(w, "host", "www", &other);
	know(w, "host", "root", &other);
	know(w, "user", "root", &other);
	w->p.names = (struct strlist){ .items = names, .count = 1 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (passthrough_wants(&w->p, rows[i].name, false) != rows[i].wanted ||
		    passthrough_wants(&w->p, rows[i].name, true) != rows[i].forwarded)
			fail_msg("'%s'", rows[i].name);
	pki_deinit(&other);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		loop_test(names_choose_what_is_passed_on),
	};

	return unit_run(tests);
}

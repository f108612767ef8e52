/* tsh logout - remove the keys and certificates of a login, and what kubectl was told of it. */
#include "tsh/cmd.h"
#include "tsh/kube_contexts.h"

#include "base/err.h"

#include <stdio.h>

int cmd_logout(struct tsh *t, int argc, char **argv, struct err *err)
{
	struct profile p = { 0 };
	int rc = cmd_parse(t, NULL, &argc, argv, err);

	if (rc == 0)
		rc = profile_open(&p, t->home, t->proxy, err);
	if (rc == 0)
		rc = profile_remove(&p, err);
	if (rc == 0)
		rc = kube_contexts_remove(&p, err);
	if (rc == 0)
		printf("Logged out '%s' from '%s'.\n", p.data.user, p.data.cluster);
	profile_deinit(&p);
	return rc;
}

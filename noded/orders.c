#include "noded/orders.h"

#include "daemon/host_orders.h"
#include "noded/noded.h"
#include "noded/report.h"
#include "noded/session.h"

static void obey(void *ctx, const pv_Session *record)
{
	static const char reason[] = "ended by an administrator";
	struct noded *n = ctx;
	struct session *s = session_find(n, record->metadata.name);

	if (s == NULL || s->end_reason != NULL)
		return;
	if (record->spec.ended != 0) /* we were silent for so long that we counted as gone */
		report_alive(n, s);
	if (!record->spec.terminate)
		return;
	report_disconnect(n, s->identity.user, s->login, s->client, s->sid, reason);
	session_end(n, s, reason);
}

int orders_open(struct noded *n, struct host_orders **out, struct err *err)
{
	return host_orders_open(n->host, n->cache, obey, n, out, err);
}

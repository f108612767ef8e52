#include "noded/orders.h"

#include "base/str.h"
#include "daemon/host.h"
#include "noded/noded.h"
#include "noded/report.h"
#include "noded/session.h"

void orders_take(struct noded *n, const pv_Session *record)
{
	static const char reason[] = "ended by an administrator";
	struct session *s;

	if (!record->spec.terminate || !str_eq(record->spec.node_id, host_id(n->host)) ||
	    n->sessions == NULL || record->metadata.name == NULL)
		return;
	s = session_find(n, record->metadata.name);
	if (s == NULL || s->end_reason != NULL)
		return;
	report_disconnect(n, s->identity.user, s->login, s->client, s->sid, reason);
	session_end(n, s, reason);
}

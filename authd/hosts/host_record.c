#include "authd/hosts/host_record.h"

#include "base/err.h"
#include "base/str.h"
#include "model/identity.h"

const struct resource_kind *host_record_kind(const char *system_role)
{
	static const struct {
		const char *system_role;
		const char *kind;
	} rows[] = { { "Node", "node" }, { "Proxy", "proxy" }, { "Kube", "kube_server" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq(system_role, rows[i].system_role))
			return resource_kind_find(rows[i].kind);
	return NULL;
}

int host_record_key(const struct peer *peer, const char *name, char key[RESOURCE_KEY_SIZE],
                    pb_size_t *out_tag, struct err *err)
{
	const struct resource_kind *kind =
	        peer->kind == PEER_HOST ? host_record_kind(peer->identity.system_role) : NULL;

	if (kind == NULL)
		return err_set(err, ERR_DENIED,
		               "hosts of system role %s do not announce themselves",
		               peer->identity.system_role);
	if (!str_eq(name, peer->identity.host_id))
		return err_set(err, ERR_DENIED, "host '%s' may not speak as '%s'",
		               peer->identity.host_id, name != NULL ? name : "");
	if (out_tag != NULL)
		*out_tag = kind->tag;
	return resource_key(key, kind, NULL, name, err);
}

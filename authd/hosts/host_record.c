#include "authd/hosts/host_record.h"

#include "base/err.h"
#include "base/str.h"
#include "model/identity.h"

static const char *kind_of(const struct peer *peer)
{
	if (peer_is_host(peer, "Proxy"))
		return "proxy";
	return peer_is_host(peer, "Node") ? "node" : NULL;
}

int host_record_key(const struct peer *peer, const char *name, char key[RESOURCE_KEY_SIZE],
                    pb_size_t *out_tag, struct err *err)
{
	const char *kind_name = kind_of(peer);
	const struct resource_kind *kind;

	if (kind_name == NULL)
		return err_set(err, ERR_DENIED,
		               "hosts of system role %s do not announce themselves",
		               peer->identity.system_role);
	if (!str_eq(name, peer->identity.host_id))
		return err_set(err, ERR_DENIED, "host '%s' may not speak as '%s'",
		               peer->identity.host_id, name != NULL ? name : "");
	kind = resource_kind_find(kind_name);
	if (out_tag != NULL)
		*out_tag = kind->tag;
	return resource_key(key, kind, NULL, name, err);
}

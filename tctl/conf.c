#include "tctl/conf.h"

#include <stddef.h>

#define AT(member) offsetof(struct tctl_conf, member)

static const struct conf_key keys[] = {
	{ "socket", CONF_PATH, AT(socket), "/run/postern/authd/authd.sock",
	  "unix socket of authd on this machine" },
	{ "auth_server", CONF_STRING, AT(auth_server), NULL,
	  "host:port of an authd elsewhere, reached over TLS instead of the socket" },
	{ "identity", CONF_PATH, AT(identity), NULL,
	  "identity file that proves who we are to auth_server" },
	{ 0 },
};

const struct conf_key *tctl_conf_keys(void)
{
	return keys;
}

#include "conf/conf.h"

#include "base/err.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Splits "host:port", "[host]:port", "host" and "v6::address"; *port is NULL when there is none. */
static bool split(const char *text, const char **host, size_t *host_len, const char **port)
{
	const char *colon = strrchr(text, ':');
	const char *bracket = strrchr(text, ']');

	*host = text;
	*port = NULL;
	if (text[0] == '[') {
		if (bracket == NULL || (bracket[1] != ':' && bracket[1] != 0))
			return false;
		*host = text + 1;
		*host_len = (size_t)(bracket - *host);
		*port = bracket[1] == ':' ? bracket + 2 : NULL;
		return true;
	}
	/* Two colons and no bracket: an IPv6 address, which has no port then. */
	if (colon == NULL || strchr(text, ':') != colon) {
		*host_len = strlen(text);
		return true;
	}
	*host_len = (size_t)(colon - text);
	*port = colon + 1;
	return true;
}

static bool is_host(const char *host, size_t len)
{
	return len <= 255 && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                  "0123456789.-_:%") >= len;
}

int conf_addr_parse(const char *text, const char *default_port, struct conf_addr *out_addr,
                    struct err *err)
{
	struct conf_addr addr = { 0 };
	struct err ignored;
	const char *host;
	const char *port;
	size_t len;
	int64_t number;

	if (!split(text, &host, &len, &port) || !is_host(host, len))
		return err_set(err, ERR_INVALID,
		               "'%s' is not an address (write 'host:port' or '[v6]:port')", text);
	if (port == NULL)
		port = default_port;
	if (port == NULL)
		return err_set(err, ERR_INVALID, "'%s' has no port (write 'host:port')", text);
	if (str_to_i64(port, 0, 65535, &number, &ignored) != 0)
		return err_set(err, ERR_INVALID, "'%s' is not a port (0 to 65535)", port);
	addr.host = strndup(host, len);
	addr.port = strdup(port);
	if (addr.host == NULL || addr.port == NULL) {
		conf_addr_deinit(&addr);
		return err_set_nomem(err);
	}
	*out_addr = addr;
	return 0;
}

void conf_addr_deinit(struct conf_addr *addr)
{
	free(addr->host);
	free(addr->port);
	*addr = (struct conf_addr){ 0 };
}

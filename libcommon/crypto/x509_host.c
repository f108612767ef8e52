#include "crypto/x509_host.h"

#include "base/str.h"
#include "crypto/x509.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES  253 /* RFC 1035 */
#define LABEL_MAX_BYTES 63

size_t x509_host_address(const char *text, uint8_t out[16])
{
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	if (inet_pton(AF_INET6, text, out) == 1)
		return 16;
	return 0;
}

bool x509_host_is_name(const char *name)
{
	size_t label = 0;
	size_t len;

	if (str_starts(name, "*."))
		name += 2;
	len = strlen(name);
	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' && label == 0)
			return false;
		if (name[i] != '.' && !isalnum((unsigned char)name[i]) && name[i] != '-' &&
		    name[i] != '_')
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX_BYTES)
			return false;
	}
	return label > 0;
}

/* `pattern` as a certificate has it; "*." stands for exactly one label, below at least two. */
static bool name_matches(const char *pattern, const char *name)
{
	const char *rest;

	if (strcasecmp(pattern, name) == 0)
		return true;
	if (!str_starts(pattern, "*."))
		return false;
	rest = strchr(name, '.');
	return rest != NULL && rest != name && strchr(rest + 1, '.') != NULL &&
	       strcasecmp(pattern + 1, rest) == 0;
}

bool x509_is_for_host(const struct x509_info *info, const char *host)
{
	uint8_t wanted[16], have[16];
	size_t wanted_len = x509_host_address(host, wanted);

	if (wanted_len == 0 && !x509_host_is_name(host))
		return false;
	for (size_t i = 0; i < info->host_count; i++) {
		size_t have_len = x509_host_address(info->hosts[i], have);

		if (have_len != wanted_len)
			continue;
		if (wanted_len > 0 ? memcmp(have, wanted, wanted_len) == 0
		                   : name_matches(info->hosts[i], host))
			return true;
	}
	return false;
}

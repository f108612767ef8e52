#include "loop/addr.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The IPv4 address in `sa`, plain or within IPv6 (RFC 4291, 2.5.5.2); NULL: there is none. */
static const struct in_addr *as_ipv4(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *six = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return (const void *)&six->sin6_addr.s6_addr[12];
	return NULL;
}

char *addr_print(const struct sockaddr *sa, char out[ADDR_TEXT_SIZE])
{
	const struct in_addr *four = as_ipv4(sa);
	const struct sockaddr_in6 *six = (const void *)sa;
	char text[INET6_ADDRSTRLEN];

	/* both kinds of address have their port at the same place */
	if (four != NULL)
		snprintf(out, ADDR_TEXT_SIZE, "%s:%u", inet_ntop(AF_INET, four, text, sizeof(text)),
		         ntohs(six->sin6_port));
	else if (sa->sa_family == AF_INET6)
		snprintf(out, ADDR_TEXT_SIZE, "[%s]:%u",
		         inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text)),
		         ntohs(six->sin6_port));
	else
		str_copy(out, ADDR_TEXT_SIZE, "unix");
	return out;
}

char *addr_print_network(const struct sockaddr *sa, char out[ADDR_TEXT_SIZE])
{
	const struct in_addr *four = as_ipv4(sa);
	char text[INET6_ADDRSTRLEN];
	struct in6_addr net;

	if (four != NULL) {
		inet_ntop(AF_INET, four, out, ADDR_TEXT_SIZE);
	} else if (sa->sa_family == AF_INET6) {
		net = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		memset(&net.s6_addr[8], 0, 8);
		snprintf(out, ADDR_TEXT_SIZE, "%s/64",
		         inet_ntop(AF_INET6, &net, text, sizeof(text)));
	} else {
		str_copy(out, ADDR_TEXT_SIZE, "unix");
	}
	return out;
}

/* The six of "[2001:db8::1]:22". */
static bool parse_six(const char *text, struct sockaddr_in6 *out)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	char host[INET6_ADDRSTRLEN];

	if (end == NULL || end - text - 1 >= (ptrdiff_t)sizeof(host))
		return false;
	memcpy(host, text + 1, (size_t)(end - text - 1));
	host[end - text - 1] = 0;
	*out = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	return inet_pton(AF_INET6, host, &out->sin6_addr) == 1;
}

char *addr_network(const char *text, char out[ADDR_TEXT_SIZE])
{
	struct sockaddr_in6 six;
	const char *colon = strchr(text, ':');

	if (parse_six(text, &six))
		return addr_print_network((const struct sockaddr *)&six, out);
	snprintf(out, ADDR_TEXT_SIZE, "%.*s", (int)(colon != NULL ? colon - text : ADDR_TEXT_SIZE),
	         text);
	return out;
}

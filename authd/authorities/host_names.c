#include "authd/authorities/host_names.h"

#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "model/resource.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 253 /* RFC 1035, 2.3.4 */

static bool is_address(const char *text)
{
	unsigned char out[16];

	return inet_pton(AF_INET, text, out) == 1 || inet_pton(AF_INET6, text, out) == 1;
}

static bool is_dns_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES || !isalnum((unsigned char)name[0]) ||
	    name[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
			return false;
	return strstr(name, "..") == NULL;
}

/* A name that begins with somebody's id speaks for them. */
static bool names_another_host(const char *name, const char *host_id)
{
	char first[37];

	if (strlen(name) < 36 || (name[36] != 0 && name[36] != '.'))
		return false;
	for (size_t i = 0; i < 36; i++)
		first[i] = (char)tolower((unsigned char)name[i]);
	first[36] = 0;
	return resource_is_uuid(first) && strcmp(first, host_id) != 0;
}

/* The names by which authd proves that it is authd, and the cluster's own. */
static bool is_the_clusters(const char *name, const char *cluster)
{
	const char *const reserved[] = { "auth", "authd" };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t len = strlen(reserved[i]);

		if (strncasecmp(name, reserved[i], len) == 0 &&
		    (name[len] == 0 ||
		     (name[len] == '.' && strcasecmp(name + len + 1, cluster) == 0)))
			return true;
	}
	return strcasecmp(name, cluster) == 0;
}

/* What a kubeproxyd is reached by, through a proxy or straight: "kube.<cluster>" and what is below
 * it. */
static bool is_kubernetes(const char *name, const char *cluster)
{
	const char *at = strcasestr(name, "kube.");

	for (; at != NULL; at = strcasestr(at + 1, "kube."))
		if ((at == name || at[-1] == '.') && strcasecmp(at + 5, cluster) == 0)
			return true;
	return false;
}

static int check(const struct host_names *in, const char *name, struct err *err)
{
	if (is_address(name))
		return 0;
	if (!is_dns_name(name))
		return err_set(err, ERR_INVALID, "'%.100s' is not a host name", name);
	if (is_the_clusters(name, in->cluster) || is_kubernetes(name, in->cluster) ||
	    names_another_host(name, in->host_id))
		return err_set(err, ERR_DENIED, "a %s may not be called '%s'", in->system_role,
		               name);
	return 0;
}

static int add_hostname(const struct host_names *in, struct strlist *out, struct err *err)
{
	char full[2 * NAME_MAX_BYTES + 2];
	int rc = strlist_add_new(out, in->hostname, err);

	snprintf(full, sizeof(full), "%s.%s", in->hostname, in->cluster);
	if (rc == 0 && is_dns_name(full))
		rc = strlist_add_new(out, full, err);
	for (size_t i = 0; rc == 0 && i < in->addresses_count; i++)
		rc = strlist_add_new(out, in->addresses[i], err);
	return rc;
}

/* Who comes from another cluster knows a proxy of ours by "proxy.<cluster>". */
static int add_proxy(const struct host_names *in, struct strlist *tls, struct err *err)
{
	int rc = add_hostname(in, tls, err);

	char *name = rc == 0 ? str_printf("proxy.%s", in->cluster) : NULL;

	if (rc == 0)
		rc = name != NULL ? strlist_add_new(tls, name, err) : err_set_nomem(err);
	free(name);
	return rc;
}

static int add_id(const struct host_names *in, struct strlist *out, struct err *err)
{
	int rc = strlist_add(out, in->host_id, err);

	if (rc == 0)
		rc = strlist_take(out, str_printf("%s.%s", in->host_id, in->cluster), err);
	return rc;
}

/* Names of Kubernetes clusters, and no others: they would be proof of being something else. */
static int add_kubernetes(const struct host_names *in, struct strlist *tls, struct err *err)
{
	int rc = strlist_take(tls, str_printf("kube.%s", in->cluster), err);

	for (size_t i = 0; rc == 0 && i < in->addresses_count; i++)
		if (!is_address(in->addresses[i]))
			rc = strlist_take(
			        tls, str_printf("%s.kube.%s", in->addresses[i], in->cluster), err);
	return rc;
}

int host_names_build(const struct host_names *in, struct strlist *tls, struct strlist *ssh,
                     struct err *err)
{
	int rc = 0;

	if (str_empty(in->hostname) || is_address(in->hostname))
		return err_set(err, ERR_INVALID, "a host name is missing");
	if (in->addresses_count > HOST_ADDRESSES_MAX)
		return err_set(err, ERR_INVALID, "more than %d names and addresses",
		               HOST_ADDRESSES_MAX);
	rc = check(in, in->hostname, err);
	for (size_t i = 0; rc == 0 && i < in->addresses_count; i++)
		rc = check(in, in->addresses[i], err);
	if (rc == 0)
		rc = add_id(in, tls, err);
	if (rc == 0)
		rc = add_id(in, ssh, err);
	if (rc == 0 && strcmp(in->system_role, "Kube") == 0)
		return add_kubernetes(in, tls, err);
	if (rc == 0)
		rc = add_hostname(in, ssh, err);
	if (rc == 0 && strcmp(in->system_role, "Proxy") == 0)
		rc = add_proxy(in, tls, err);
	return rc;
}

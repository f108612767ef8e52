#include "daemon/join_once.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crypto/pin.h"
#include "daemon/host.h"
#include "file/file.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_MAX       1024
#define JOIN_TIMEOUT_MS 30000

int default_hostname(char **hostname, struct err *err)
{
	char name[HOST_NAME_MAX + 1] = "";

	if (*hostname != NULL)
		return 0;
	if (gethostname(name, sizeof(name) - 1) != 0)
		return err_set(err, ERR_IO, "the machine has no hostname");
	*hostname = strdup(name);
	return *hostname != NULL ? 0 : err_set_nomem(err);
}

int names_of_host(const char *hostname, const struct conf_list *addrs, struct strlist *out,
                  struct err *err)
{
	for (size_t i = 0; i < addrs->count; i++) {
		struct conf_addr addr = { 0 };
		int rc = conf_addr_parse(addrs->items[i], "0", &addr, err);

		if (rc == 0 && !str_empty(addr.host) && !str_eq(addr.host, hostname))
			rc = strlist_add_new(out, addr.host, err);
		conf_addr_deinit(&addr);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_token(const char *path, struct buf *out, struct err *err)
{
	if (file_read(path, TOKEN_MAX, out, err) != 0)
		return err_wrap(err, "read join token");
	while (out->len > 0 && strchr("\r\n ", out->data[out->len - 1]) != NULL)
		out->data[--out->len] = 0;
	return out->len > 0 ? 0 : err_set(err, ERR_INVALID, "join token file '%s' is empty", path);
}

int join_once(struct host *h, const char *token_file, const char *ca_pin, struct err *err)
{
	struct buf token = { 0 };
	struct pin pin;
	int rc;

	if (token_file == NULL || ca_pin == NULL)
		return err_set(err, ERR_INVALID,
		               "not a member of a cluster yet: set join.token_file and "
		               "join.ca_pin ('tctl tokens add' and 'tctl nodes add' print both)");
	rc = pin_parse(ca_pin, &pin, err);
	if (rc != 0)
		return err_wrap(err, "join.ca_pin");
	rc = read_token(token_file, &token, err);
	if (rc == 0)
		rc = host_join(h, buf_str(&token), &pin, JOIN_TIMEOUT_MS, err);
	buf_wipe(&token);
	return rc;
}

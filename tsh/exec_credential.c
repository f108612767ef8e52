#include "tsh/exec_credential.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/value.h"
#include "wire/json.h"

#include <string.h>

#define GROUP "client.authentication.k8s.io/"

static const char *const versions[] = { GROUP "v1beta1", GROUP "v1" };

#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static int find_version(const char *wanted, const char **out, struct err *err)
{
	for (size_t i = 0; i < VERSIONS; i++)
		if (str_eq(wanted, versions[i])) {
			*out = versions[i];
			return 0;
		}
	return err_set(err, ERR_UNSUPPORTED,
	               "KUBERNETES_EXEC_INFO asks for '%s'; there are %s and %s",
	               wanted != NULL ? wanted : "", versions[0], versions[1]);
}

int exec_credential_version(const char *info, const char **out, struct err *err)
{
	struct value *question;
	int rc;

	if (str_empty(info)) {
		*out = versions[0];
		return 0;
	}
	rc = json_read(info, strlen(info), &question, err);
	if (rc != 0)
		return err_wrap(err, "KUBERNETES_EXEC_INFO");
	rc = find_version(value_get_text(question, "apiVersion"), out, err);
	value_free(question);
	return rc;
}

static int fill_status(struct value *status, const struct exec_credential *c, struct err *err)
{
	char until[STR_TIME_SIZE];
	/* Whole seconds: some readers know no fractions. */
	int64_t expires = c->expires / 1000 * 1000;
	int rc = value_put(status, "expirationTimestamp",
	                   value_new_text(str_from_time(until, sizeof(until), expires)), err);

	if (rc == 0)
		rc = value_put(status, "clientCertificateData", value_new_text(c->certificate),
		               err);
	return rc == 0 ? value_put(status, "clientKeyData", value_new_text(c->key), err) : rc;
}

int exec_credential_write(const struct exec_credential *c, struct buf *out, struct err *err)
{
	struct value *root = value_new(VALUE_MAP);
	struct value *status = value_new(VALUE_MAP);
	int rc = root != NULL && status != NULL ? 0 : err_set_nomem(err);

	if (rc == 0)
		rc = value_put(root, "kind", value_new_text("ExecCredential"), err);
	if (rc == 0)
		rc = value_put(root, "apiVersion", value_new_text(c->version), err);
	if (rc == 0)
		rc = fill_status(status, c, err);
	if (rc == 0) {
		rc = value_put(root, "status", status, err);
		status = NULL;
	}
	if (rc == 0)
		rc = json_write(root, false, out, err);
	value_free(status);
	value_free(root);
	return rc;
}

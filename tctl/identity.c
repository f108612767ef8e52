#include "tctl/identity.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "file/file.h"

#include <errno.h>
#include <sys/stat.h>

#define FILE_MAX         (64 * 1024)
#define CERTIFICATES_MAX 16

static int check_private(const char *file, struct err *err)
{
	struct stat st;

	if (stat(file, &st) != 0)
		return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
		                     "identity '%s'", file);
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_DENIED,
		               "identity '%s': others may read it (chmod 600 it first)", file);
	return 0;
}

/* The first certificate is ours, the others are whom we trust. */
static int make_tls(struct key *key, struct x509 *const *certs, size_t count, struct tls_conf **out,
                    struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };
	const struct x509 *const chain[] = { certs[0] };
	const struct tls_own own = { .chain = chain, .chain_len = 1, .key = key };
	struct x509_set *trust = NULL;
	struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.service = "tctl",
		.clock = clock_system(),
		.own = &own,
		.own_count = 1,
		.alpn = alpn,
	};
	int rc = x509_set_new(&trust, err);

	if (rc == 0 && count < 2)
		rc = err_set(err, ERR_INVALID, "it holds no authority's certificate");
	for (size_t i = 1; rc == 0 && i < count; i++)
		rc = x509_set_add(trust, certs[i], err);
	spec.trust = trust;
	if (rc == 0)
		rc = tls_conf_new(&spec, out, err);
	x509_set_unref(trust);
	return rc;
}

int identity_tls(const char *file, struct tls_conf **out, struct err *err)
{
	struct buf text = { 0 };
	struct key *key = NULL;
	struct x509 **certs = NULL;
	size_t count = 0;
	int rc = check_private(file, err);

	if (rc == 0)
		rc = file_read(file, FILE_MAX, &text, err);
	if (rc != 0)
		return rc;
	rc = key_load(text.data, text.len, &key, err);
	if (rc == 0)
		rc = x509_load_all((const char *)text.data, text.len, CERTIFICATES_MAX, &certs,
		                   &count, err);
	if (rc == 0)
		rc = make_tls(key, certs, count, out, err);
	if (rc != 0)
		err_wrap(err, "identity '%s'", file);
	x509_unref_all(certs, count);
	key_unref(key);
	buf_wipe(&text);
	return rc;
}

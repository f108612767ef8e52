#include "tsh/login_key.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "wire/fields.h"

#include <stdlib.h>

static int public_halves(const struct key *key, const char *user, char **out_ssh, char **out_tls,
                         struct err *err)
{
	struct buf ssh = { 0 }, tls = { 0 };
	struct sshkey public = { 0 };
	int rc = sshkey_from_pubkey(key_public(key), user, &public, err);

	if (rc == 0) {
		sshkey_append_line(&public, &ssh);
		pubkey_append_pem(key_public(key), &tls);
		rc = buf_check(&ssh, err);
	}
	if (rc == 0)
		rc = buf_check(&tls, err);
	if (rc == 0)
		rc = fields_set_str(out_ssh, buf_str(&ssh), err);
	if (rc == 0)
		rc = fields_set_str(out_tls, buf_str(&tls), err);
	sshkey_deinit(&public);
	buf_deinit(&ssh);
	buf_deinit(&tls);
	return rc;
}

int login_key_new(const char *user, struct key **out, char **out_ssh, char **out_tls,
                  struct err *err)
{
	struct key *key = NULL;
	char *ssh = NULL, *tls = NULL;
	int rc = key_generate(&key, err);

	if (rc == 0)
		rc = public_halves(key, user, &ssh, &tls, err);
	if (rc != 0) {
		key_unref(key);
		free(ssh);
		free(tls);
		return rc;
	}
	*out = key;
	*out_ssh = ssh;
	*out_tls = tls;
	return 0;
}

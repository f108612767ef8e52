#include "tests/bench/simulator/identity.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_set.h"
#include "file/file.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.pb.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX  65536
#define CHAIN_MAX 4
#define IN_FLIGHT 32

int identity_trust(const char *ca_file, struct x509_set **out, struct err *err)
{
	struct buf pem = { 0 };
	int rc = file_read(ca_file, FILE_MAX, &pem, err);

	if (rc == 0)
		rc = x509_set_new(out, err);
	if (rc == 0)
		rc = x509_set_add_bundle(*out, pem.data, pem.len, err);
	buf_deinit(&pem);
	return rc;
}

static int make_conf(const char *cert_pem, struct key *key, const struct x509_set *trust,
                     const char *const *alpn, struct tls_conf **out, struct err *err)
{
	struct x509 **chain = NULL;
	struct tls_own own = { .key = key };
	const struct tls_conf_spec spec = {
		.role = TLS_CLIENT,
		.service = "authd",
		.clock = clock_system(),
		.own = &own,
		.own_count = 1,
		.trust = trust,
		.alpn = alpn,
	};
	size_t count = 0;
	int rc = x509_load_all(cert_pem, strlen(cert_pem), CHAIN_MAX, &chain, &count, err);

	if (rc != 0)
		return rc;
	own.chain = (const struct x509 *const *)chain;
	own.chain_len = count;
	rc = tls_conf_new(&spec, out, err);
	x509_unref_all(chain, count);
	return rc;
}

int identity_of_files(const char *cert_file, const char *key_file, const struct x509_set *trust,
                      struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { "h2", NULL };
	struct buf cert = { 0 }, pem = { 0 };
	struct key *key = NULL;
	int rc = file_read(cert_file, FILE_MAX, &cert, err);

	if (rc == 0)
		rc = file_read(key_file, FILE_MAX, &pem, err);
	if (rc == 0)
		rc = key_load(pem.data, pem.len, &key, err);
	if (rc == 0)
		rc = make_conf(buf_str(&cert), key, trust, alpn, out, err);
	key_unref(key);
	buf_wipe(&pem);
	buf_deinit(&cert);
	return rc;
}

/* --- joining --------------------------------------------------------------------------------- */

struct join {
	struct rpc_client *client;
	const struct x509_set *trust;
	const char *const *alpn;
	struct key *key;
	pv_JoinRequest request;
	struct identity *out;
	size_t count;
	size_t started;
	size_t done;
	struct err err; /* the first */
};

/* One of those under way. */
struct joining {
	struct join *join;
	struct identity *identity;
};

static void start_one(struct join *j);

static void on_joined(void *ctx, const void *response, const struct err *err)
{
	struct joining *one = ctx;
	const pv_JoinResponse *answer = response;
	struct join *j = one->join;
	struct err why;

	j->done++;
	if (err == NULL && make_conf(answer->tls_certificate, j->key, j->trust, j->alpn,
	                             &one->identity->tls, &why) != 0)
		err = &why;
	if (err != NULL && j->err.code == 0)
		j->err = *err;
	free(one);
	start_one(j);
}

static void start_one(struct join *j)
{
	struct joining *one;
	struct err why;

	if (j->started == j->count || j->err.code != 0)
		return;
	one = calloc(1, sizeof(*one));
	if (one == NULL) {
		err_set_nomem(&j->err);
		return;
	}
	one->join = j;
	one->identity = &j->out[j->started];
	rand_uuid(one->identity->id);
	j->request.host_id = one->identity->id;
	j->request.hostname = one->identity->id;
	if (rpc_unary_start(j->client, AUTH_JOIN, &j->request, 0, on_joined, one, NULL, &why) ==
	    0) {
		j->started++;
	} else {
		j->err = why;
		free(one);
	}
}

/* The public halves of the one key, as a join wants them. */
static int fill_keys(struct join *j, struct err *err)
{
	struct sshkey ssh = { 0 };
	struct buf line = { 0 }, pem = { 0 };
	size_t len;

	if (key_generate(&j->key, err) != 0 ||
	    sshkey_from_pubkey(key_public(j->key), "", &ssh, err) != 0)
		return err->code;
	sshkey_append_line(&ssh, &line);
	sshkey_deinit(&ssh);
	pubkey_append_pem(key_public(j->key), &pem);
	if (buf_check(&line, err) != 0 || buf_check(&pem, err) != 0)
		return err->code;
	j->request.ssh_public_key = (char *)buf_take(&line, &len);
	j->request.tls_public_key = (char *)buf_take(&pem, &len);
	return 0;
}

static int join_all(struct join *j, uv_loop_t *loop, struct err *err)
{
	int rc = fill_keys(j, err);

	for (size_t i = 0; rc == 0 && i < IN_FLIGHT; i++)
		start_one(j);
	while (rc == 0 && j->done < j->started)
		uv_run(loop, UV_RUN_ONCE);
	return rc == 0 && j->err.code != 0 ? err_copy(err, &j->err) : rc;
}

int identity_join(uv_loop_t *loop, const char *socket, const char *token,
                  const struct identity_kind *kind, const struct x509_set *trust,
                  struct identity *out, size_t count, struct err *err)
{
	char *addr = str_printf("unix:%s", socket);
	const char *const addrs[] = { addr, NULL };
	const struct rpc_client_conf conf = { .loop = loop,
		                              .service = &pv_Auth_service,
		                              .addrs = addrs };
	struct join j = { .trust = trust,
		          .alpn = kind->alpn,
		          .out = out,
		          .count = count,
		          .request = { .token = (char *)(uintptr_t)token,
		                       .system_role = (char *)(uintptr_t)kind->system_role } };
	int rc;

	j.client = rpc_client_new(&conf, err);
	rc = j.client != NULL ? join_all(&j, loop, err) : err->code;
	rpc_client_close(j.client, NULL, NULL);
	free(j.request.ssh_public_key);
	free(j.request.tls_public_key);
	key_unref(j.key);
	free(addr);
	return rc == 0 ? 0 : err_wrap(err, "join hosts");
}

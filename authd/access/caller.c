#include "authd/access/caller.h"

#include "authd/access/access.h"
#include "authd/access/locks.h"
#include "authd/core/authd.h"
#include "authd/core/resource_store.h"
#include "authd/core/secrets.h"

#include "base/err.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "model/resource.h"
#include "model/role.h"
#include "model/trust.h"
#include "rpc/server.h"
#include "wire/fields.h"

#include "proto/secrets.fields.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANONYMOUS_LIFE_MS (5 * 60 * 1000) /* long enough to log in or join */
#define REFUSED_LIFE_MS   (2 * 1000)      /* long enough to hear why */

static struct authd *authd_of_conn(const struct rpc_conn *conn)
{
	return rpc_server_ctx(rpc_conn_server(conn));
}

static int local_peer(struct peer *out, uid_t uid, struct err *err)
{
	struct passwd *user = getpwuid(uid);
	char number[24];

	snprintf(number, sizeof(number), "uid %u", (unsigned)uid);
	return peer_admin(out, user != NULL ? user->pw_name : number, err);
}

static int find_peer(struct authd *a, struct rpc_conn *conn, struct peer *out, struct err *err)
{
	switch (rpc_conn_peer(conn)) {
	case RPC_PEER_LOCAL:
		return local_peer(out, rpc_conn_uid(conn), err);
	case RPC_PEER_TLS:
		return trust_tls_peer(a->authorities.trust, rpc_conn_tls_peer(conn),
		                      rpc_conn_client_addr(conn), authd_now(a), out, err);
	case RPC_PEER_ANONYMOUS:
		break;
	}
	*out = (struct peer){ .kind = PEER_ANONYMOUS };
	return 0;
}

/* A user that was removed is nobody, whatever certificates are still about. Another cluster knows
 * its own. */
static int check_user_exists(struct authd *a, const struct peer *peer, struct err *err)
{
	pv_Resource user = pv_Resource_init_zero;
	int rc;

	if (!access_is_own_user(a, peer))
		return 0;
	rc = resource_load(a, resource_kind_find("user"), NULL, peer->identity.user, &user, err);
	resource_deinit(&user);
	if (rc == ERR_NOT_FOUND)
		return err_set(err, ERR_UNAUTHENTICATED, "there is no user '%s' any more",
		               peer->identity.user);
	return rc;
}

/* Nor is a host. authd itself has not joined. */
static int check_host_exists(struct authd *a, const struct peer *peer, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	pv_StoredHost host = pv_StoredHost_init_zero;
	int rc;

	if (peer->kind != PEER_HOST || str_eq(peer->identity.host_id, a->own.id))
		return 0;
	rc = secrets_load(a, secrets_host_key(key, peer->identity.host_id), &pv_StoredHost_table,
	                  &host, NULL, err);
	fields_release(&pv_StoredHost_table, &host);
	return rc == ERR_NOT_FOUND ? err_set(err, ERR_UNAUTHENTICATED, "this host was removed")
	                           : rc;
}

/* Fills in who it is, or fails with why it is nobody. */
static int identify(struct authd *a, struct rpc_conn *conn, struct peer *out, struct err *err)
{
	int rc = find_peer(a, conn, out, err);

	if (rc == 0)
		rc = check_user_exists(a, out, err);
	if (rc == 0)
		rc = check_host_exists(a, out, err);
	if (rc == 0)
		rc = locks_check_peer(a, out, err);
	return rc;
}

static int refuse_all(struct caller *c, const struct err *why, struct err *err)
{
	peer_deinit(&c->peer);
	c->peer = (struct peer){ .kind = PEER_ANONYMOUS };
	c->refused = malloc(sizeof(*c->refused));
	if (c->refused == NULL)
		return err_set_nomem(err);
	err_copy(c->refused, why);
	return 0;
}

static void bound_life(struct authd *a, struct rpc_conn *conn, const struct caller *c)
{
	if (c->refused != NULL)
		rpc_conn_set_end(conn, authd_now(a) + REFUSED_LIFE_MS);
	else if (c->peer.kind == PEER_ANONYMOUS)
		rpc_conn_set_end(conn, authd_now(a) + ANONYMOUS_LIFE_MS);
	else if (rpc_conn_peer(conn) == RPC_PEER_TLS)
		rpc_conn_set_end(conn, rpc_conn_tls_peer(conn)->cert->not_after_ms);
}

/* Anybody may come without a certificate, so those are bounded for themselves. */
static int count_anonymous(struct authd *a, struct caller *c, struct err *err)
{
	if (c->peer.kind != PEER_ANONYMOUS)
		return 0;
	if (a->anonymous >= (unsigned)a->conf.max_anonymous)
		return err_set(err, ERR_LIMIT, "%u connections without a certificate are open",
		               a->anonymous);
	a->anonymous++;
	c->counted = true;
	return 0;
}

int caller_opened(struct rpc_conn *conn, struct err *err)
{
	struct authd *a = authd_of_conn(conn);
	struct caller *c = calloc(1, sizeof(*c));
	struct err why;

	if (c == NULL)
		return err_set_nomem(err);
	if ((identify(a, conn, &c->peer, &why) != 0 && refuse_all(c, &why, err) != 0) ||
	    count_anonymous(a, c, err) != 0) {
		free(c->refused);
		free(c);
		return err->code;
	}
	str_copy(c->peer.addr, sizeof(c->peer.addr), rpc_conn_client_addr(conn));
	bound_life(a, conn, c);
	rpc_conn_set_data(conn, c);
	return 0;
}

void caller_closed(struct rpc_conn *conn)
{
	struct caller *c = rpc_conn_data(conn);

	if (c == NULL)
		return;
	if (c->counted)
		authd_of_conn(conn)->anonymous--;
	role_set_unref(c->roles);
	peer_deinit(&c->peer);
	free(c->refused);
	free(c);
}

const struct peer *caller_of_conn(const struct rpc_conn *conn)
{
	const struct caller *c = rpc_conn_data(conn);

	return &c->peer;
}

const struct peer *caller_of(const struct rpc_call *call)
{
	return caller_of_conn(rpc_call_conn(call));
}

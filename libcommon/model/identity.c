#include "model/identity.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/base64.h"
#include "wire/fields.h"

#include "proto/identity.fields.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void identity_deinit(pv_Identity *id)
{
	fields_release(&pv_Identity_table, id);
}

/* A person has a name and roles, a host has an id and a system role, nobody has both. */
static int check(const pv_Identity *id, struct err *err)
{
	bool person = !str_empty(id->user), host = !str_empty(id->system_role);

	if (id->admin)
		return err_set(err, ERR_INVALID, "an identity of the local administrator");
	if (person == host)
		return err_set(err, ERR_INVALID, "an identity of neither a person nor a host");
	if (person && id->roles_count == 0)
		return err_set(err, ERR_INVALID, "user '%s' has no roles", id->user);
	if (person != str_empty(id->host_id))
		return err_set(err, ERR_INVALID, "an identity that mixes a person and a host");
	if (str_empty(id->cluster))
		return err_set(err, ERR_INVALID, "an identity without a cluster");
	return 0;
}

int identity_copy(pv_Identity *out, const pv_Identity *id, struct err *err)
{
	return fields_clone(&pv_Identity_table, id, out, err);
}

int identity_encode(const pv_Identity *id, struct buf *out, struct err *err)
{
	struct buf bytes = { .max = IDENTITY_BYTES_MAX };
	int rc = check(id, err);

	if (rc == 0)
		rc = fields_encode(&pv_Identity_table, id, &bytes, err);
	if (rc == 0)
		buf_append(out, bytes.data, bytes.len);
	buf_deinit(&bytes);
	return rc != 0 ? err_wrap(err, "encode the identity") : buf_check(out, err);
}

int identity_decode(pv_Identity *out, const uint8_t *bytes, size_t len, struct err *err)
{
	pv_Identity id;
	int rc;

	if (len > IDENTITY_BYTES_MAX)
		return err_set(err, ERR_INVALID, "an identity of more than %d bytes",
		               IDENTITY_BYTES_MAX);
	rc = fields_decode(&pv_Identity_table, bytes, len, &id, err);
	if (rc == ERR_CORRUPT)
		return err_set(err, ERR_INVALID, "bytes that are no identity");
	if (rc == 0)
		rc = check(&id, err);
	if (rc != 0) {
		identity_deinit(&id);
		return rc;
	}
	*out = id;
	return 0;
}

int identity_encode_ssh(const pv_Identity *id, struct buf *out, struct err *err)
{
	struct buf bytes = { 0 };
	int rc = identity_encode(id, &bytes, err);

	if (rc == 0) {
		base64_append(out, bytes.data, bytes.len);
		rc = buf_check(out, err);
	}
	buf_deinit(&bytes);
	return rc;
}

int identity_decode_ssh(pv_Identity *out, const char *text, size_t len, struct err *err)
{
	struct buf bytes = { .max = IDENTITY_BYTES_MAX };
	int rc = base64_decode(text, len, &bytes, err);

	if (rc == 0)
		rc = identity_decode(out, bytes.data, bytes.len, err);
	buf_deinit(&bytes);
	return rc;
}

char *identity_common_name(const pv_Identity *id)
{
	if (!str_empty(id->user))
		return strdup(id->user);
	return str_printf("%s.%s", id->host_id != NULL ? id->host_id : "",
	                  id->cluster != NULL ? id->cluster : "");
}

/* --- addresses ------------------------------------------------------------------------------- */

/* Without port and brackets. */
static int host_of(const char *addr, char out[IDENTITY_ADDRESS_SIZE])
{
	const char *colon = strrchr(addr, ':');
	size_t len = strlen(addr);

	if (*addr == '[') {
		addr++;
		len = strcspn(addr, "]");
	} else if (colon != NULL && strchr(addr, ':') == colon) {
		len = (size_t)(colon - addr);
	}
	if (len >= IDENTITY_ADDRESS_SIZE)
		return ERR_INVALID;
	memcpy(out, addr, len);
	out[len] = 0;
	return 0;
}

/* IPv4 as IPv6 has it (RFC 4291, 2.5.5.2), so that one form is compared. */
static int parse_address(const char *addr, struct in6_addr *out)
{
	char text[IDENTITY_ADDRESS_SIZE], mapped[IDENTITY_ADDRESS_SIZE + 8];
	struct in_addr v4;

	if (host_of(addr, text) != 0)
		return ERR_INVALID;
	if (inet_pton(AF_INET, text, &v4) == 1)
		snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
	else
		snprintf(mapped, sizeof(mapped), "%s", text);
	return inet_pton(AF_INET6, mapped, out) == 1 ? 0 : ERR_INVALID;
}

int identity_check_address(const pv_Identity *id, const char *addr, struct err *err)
{
	struct in6_addr pinned, from;

	if (str_empty(id->client_ip))
		return 0;
	if (parse_address(id->client_ip, &pinned) == 0 && parse_address(addr, &from) == 0 &&
	    memcmp(&pinned, &from, sizeof(pinned)) == 0)
		return 0;
	return err_set(err, ERR_DENIED, "the certificate of '%s' may be used from %s only",
	               id->user != NULL ? id->user : "", id->client_ip);
}

int identity_address(const char *addr, char out[IDENTITY_ADDRESS_SIZE], struct err *err)
{
	struct in6_addr parsed;

	if (parse_address(addr, &parsed) != 0 || host_of(addr, out) != 0)
		return err_set(err, ERR_INVALID, "'%.100s' is not an address", addr);
	return 0;
}

/* --- peers ----------------------------------------------------------------------------------- */

int peer_admin(struct peer *out, const char *local_user, struct err *err)
{
	out->identity.user = strdup(local_user);
	if (out->identity.user == NULL)
		return err_set_nomem(err);
	out->identity.admin = true;
	out->kind = PEER_ADMIN;
	return 0;
}

void peer_deinit(struct peer *p)
{
	identity_deinit(&p->identity);
	*p = (struct peer){ 0 };
}

bool peer_is_host(const struct peer *p, const char *system_role)
{
	return p->kind == PEER_HOST && str_eq(p->identity.system_role, system_role);
}

char *peer_name(const struct peer *p, char *dst, size_t size)
{
	const pv_Identity *id = &p->identity;

	if (p->kind == PEER_ANONYMOUS)
		snprintf(dst, size, "anonymous");
	else if (p->kind == PEER_HOST || p->kind == PEER_REMOTE)
		snprintf(dst, size, "%s.%s", id->host_id, id->cluster);
	else
		snprintf(dst, size, "%s", id->user);
	return dst;
}

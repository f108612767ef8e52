#include "model/identity.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void identity_deinit(pv_Identity *id)
{
	pb_release(pv_Identity_fields, id);
	*id = (pv_Identity){ 0 };
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

static int encode(const pv_Identity *id, struct buf *out, struct err *err)
{
	pb_ostream_t stream;
	uint8_t *room;
	size_t size;

	if (!pb_get_encoded_size(&size, pv_Identity_fields, id))
		return err_set(err, ERR_INTERNAL, "measure an identity");
	if (size > IDENTITY_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "an identity of more than %d bytes",
		               IDENTITY_BYTES_MAX);
	room = buf_reserve(out, size);
	if (room == NULL)
		return buf_check(out, err);
	stream = pb_ostream_from_buffer(room, size);
	if (!pb_encode(&stream, pv_Identity_fields, id))
		return err_set(err, ERR_INTERNAL, "encode an identity: %s", PB_GET_ERROR(&stream));
	buf_commit(out, stream.bytes_written);
	return buf_check(out, err);
}

static int decode(pv_Identity *out, const uint8_t *bytes, size_t len, struct err *err)
{
	pb_istream_t stream = pb_istream_from_buffer(bytes, len);
	pv_Identity id = pv_Identity_init_zero;

	if (!pb_decode(&stream, pv_Identity_fields, &id)) /* releases what it had */
		return err_set(err, ERR_INVALID, "not an identity: %s", PB_GET_ERROR(&stream));
	*out = id;
	return 0;
}

int identity_copy(pv_Identity *out, const pv_Identity *id, struct err *err)
{
	struct buf bytes = { 0 };
	int rc = encode(id, &bytes, err);

	if (rc == 0)
		rc = decode(out, bytes.data, bytes.len, err);
	buf_deinit(&bytes);
	return rc;
}

int identity_encode(const pv_Identity *id, struct buf *out, struct err *err)
{
	int rc = check(id, err);

	return rc != 0 ? rc : encode(id, out, err);
}

int identity_decode(pv_Identity *out, const uint8_t *bytes, size_t len, struct err *err)
{
	pv_Identity id;
	int rc;

	if (len > IDENTITY_BYTES_MAX)
		return err_set(err, ERR_INVALID, "an identity of more than %d bytes",
		               IDENTITY_BYTES_MAX);
	rc = decode(&id, bytes, len, err);
	if (rc != 0)
		return rc;
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
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	struct buf bytes = { 0 };
	uint8_t *room;
	int rc = identity_encode(id, &bytes, err);

	if (rc != 0)
		goto out;
	room = buf_reserve(out, sodium_base64_ENCODED_LEN(bytes.len, variant));
	if (room != NULL) {
		sodium_bin2base64((char *)room, sodium_base64_ENCODED_LEN(bytes.len, variant),
		                  bytes.data, bytes.len, variant);
		buf_commit(out, sodium_base64_ENCODED_LEN(bytes.len, variant) - 1);
	}
	rc = buf_check(out, err);
out:
	buf_deinit(&bytes);
	return rc;
}

int identity_decode_ssh(pv_Identity *out, const char *text, size_t len, struct err *err)
{
	struct buf bytes = { 0 };
	uint8_t *room;
	size_t size;
	int rc;

	if (len > sodium_base64_ENCODED_LEN(IDENTITY_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL))
		return err_set(err, ERR_INVALID, "an identity of more than %d bytes",
		               IDENTITY_BYTES_MAX);
	room = buf_reserve(&bytes, len + 1);
	if (room == NULL)
		rc = buf_check(&bytes, err);
	else if (sodium_base642bin(room, len, text, len, NULL, &size, NULL,
	                           sodium_base64_VARIANT_ORIGINAL) != 0)
		rc = err_set(err, ERR_INVALID, "an identity that is not base64");
	else
		rc = identity_decode(out, room, size, err);
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

int peer_from_identity(struct peer *out, pv_Identity *take_id, const char *cluster, int64_t now_ms,
                       struct err *err)
{
	int rc = 0;

	if (!str_eq(take_id->cluster, cluster))
		rc = err_set(err, ERR_UNAUTHENTICATED, "a certificate of cluster '%s', not of '%s'",
		             take_id->cluster != NULL ? take_id->cluster : "", cluster);
	else if (take_id->expires != 0 && now_ms >= take_id->expires)
		rc = err_set(err, ERR_UNAUTHENTICATED, "the certificate has expired");
	if (rc != 0) {
		identity_deinit(take_id);
		return rc;
	}
	out->kind = str_empty(take_id->system_role) ? PEER_USER : PEER_HOST;
	out->identity = *take_id;
	*take_id = (pv_Identity){ 0 };
	return 0;
}

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
	else if (p->kind == PEER_HOST)
		snprintf(dst, size, "%s.%s", id->host_id, id->cluster);
	else
		snprintf(dst, size, "%s", id->user);
	return dst;
}

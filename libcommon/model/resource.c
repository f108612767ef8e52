#include "model/resource.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/fields.h"
#include "wire/fields_rules.h"

#include "proto/resource.fields.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What every message of the table begins with, in this order (proto/resource.proto). */
struct envelope {
	char *kind;
	char *sub_kind;
	char *version;
	bool has_metadata;
	pv_Metadata metadata;
};

#define SAME_PLACE(message, field)                                                   \
	_Static_assert(offsetof(message, field) == offsetof(struct envelope, field), \
	               #message " begins like every resource")
#define SAME_ENVELOPE(message)             \
	SAME_PLACE(message, kind);         \
	SAME_PLACE(message, sub_kind);     \
	SAME_PLACE(message, version);      \
	SAME_PLACE(message, has_metadata); \
	SAME_PLACE(message, metadata)

SAME_ENVELOPE(pv_Role);
SAME_ENVELOPE(pv_User);
SAME_ENVELOPE(pv_Token);
SAME_ENVELOPE(pv_Node);
SAME_ENVELOPE(pv_CertAuthority);
SAME_ENVELOPE(pv_Lock);
SAME_ENVELOPE(pv_Session);
SAME_ENVELOPE(pv_TrustedCluster);
SAME_ENVELOPE(pv_RemoteCluster);
SAME_ENVELOPE(pv_ReverseTunnel);
SAME_ENVELOPE(pv_TunnelConnection);
SAME_ENVELOPE(pv_ClusterAuthPreference);
SAME_ENVELOPE(pv_ClusterNetworkingConfig);
SAME_ENVELOPE(pv_SessionRecordingConfig);
SAME_ENVELOPE(pv_ClusterName);
SAME_ENVELOPE(pv_AccessRequest);
SAME_ENVELOPE(pv_Github);
SAME_ENVELOPE(pv_Oidc);

/* --- the envelope --------------------------------------------------------------------------- */

static struct envelope *envelope_of(pv_Resource *r)
{
	return (struct envelope *)(void *)&r->of;
}

pv_Metadata *resource_metadata(pv_Resource *r)
{
	envelope_of(r)->has_metadata = true;
	return &envelope_of(r)->metadata;
}

char **resource_sub_kind(pv_Resource *r)
{
	return &envelope_of(r)->sub_kind;
}

const char *resource_name(const pv_Resource *r)
{
	const struct envelope *e = (const struct envelope *)(const void *)&r->of;

	return e->metadata.name != NULL ? e->metadata.name : "";
}

const pv_Metadata *resource_metadata_of(const pv_Resource *r)
{
	const struct envelope *e = (const struct envelope *)(const void *)&r->of;

	return &e->metadata;
}

const char *resource_sub_kind_of(const pv_Resource *r)
{
	const struct envelope *e = (const struct envelope *)(const void *)&r->of;

	return e->sub_kind != NULL ? e->sub_kind : "";
}

/* --- names ---------------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool resource_is_printable(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s != 0) {
		size_t len = utf8_length(s);

		if (len == 0 || s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
			return false;
		s += len;
	}
	return true;
}

int resource_check_name(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (len == 0)
		return err_set(err, ERR_INVALID, "a name is missing");
	if (len > RESOURCE_NAME_MAX)
		return err_set(err, ERR_INVALID, "a name of more than %d bytes", RESOURCE_NAME_MAX);
	if (!resource_is_printable(name))
		return err_set(err, ERR_INVALID, "a name with bytes that cannot be shown");
	if (name[0] == ' ' || name[len - 1] == ' ')
		return err_set(err, ERR_INVALID, "'%s' is not a name: blanks at its ends", name);
	if (strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(err, ERR_INVALID,
		               "'%s' is not a name: '/', '.' and '..' have a meaning", name);
	return 0;
}

bool resource_is_login(const char *login)
{
	size_t len = strlen(login);

	if (len == 0 || len > 128 || (!isalnum((unsigned char)login[0]) && login[0] != '_'))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!isalnum((unsigned char)login[i]) && strchr("_.-@+", login[i]) == NULL &&
		    !(login[i] == '$' && i + 1 == len))
			return false;
	return true;
}

bool resource_is_uuid(const char *s)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-'
		         : !isdigit((unsigned char)s[i]) && (s[i] < 'a' || s[i] > 'f'))
			return false;
	}
	return s[36] == 0;
}

int resource_key(char out[RESOURCE_KEY_SIZE], const struct resource_kind *kind,
                 const char *sub_kind, const char *name, struct err *err)
{
	int rc = resource_check_name(name, err);

	if (rc == 0 && kind->sub_kinds) {
		if (str_empty(sub_kind))
			return err_set(err, ERR_INVALID, "a %s has a sub kind", kind->name);
		rc = resource_check_name(sub_kind, err);
	}
	if (rc != 0)
		return err_wrap(err, "%s", kind->name);
	snprintf(out, RESOURCE_KEY_SIZE, "%s%s%s%s", kind->prefix, kind->sub_kinds ? sub_kind : "",
	         kind->sub_kinds ? "/" : "", name);
	return 0;
}

int resource_key_of(char out[RESOURCE_KEY_SIZE], const pv_Resource *r, struct err *err)
{
	const struct resource_kind *kind = resource_kind_of(r);
	const struct envelope *e = (const struct envelope *)(const void *)&r->of;

	if (kind == NULL)
		return err_set(err, ERR_INVALID, "a resource of no known kind");
	return resource_key(out, kind, e->sub_kind, resource_name(r), err);
}

/* --- validity ------------------------------------------------------------------------------- */

static int check_labels(const pv_Metadata *meta, struct err *err)
{
	for (size_t i = 0; i < meta->labels_count; i++) {
		const char *key = meta->labels[i].key, *value = meta->labels[i].value;

		if (str_empty(key) || strlen(key) > RESOURCE_NAME_MAX ||
		    !resource_is_printable(key))
			return err_set(err, ERR_INVALID, "metadata.labels: not a key: '%.80s'",
			               key != NULL ? key : "");
		if (value != NULL && !resource_is_printable(value))
			return err_set(err, ERR_INVALID,
			               "metadata.labels.%s: bytes that cannot be shown", key);
	}
	return 0;
}

/* A kind of which there is one has one name. */
static int validate_name(struct envelope *e, const struct resource_kind *kind, struct err *err)
{
	if (kind->singleton == NULL)
		return 0;
	e->has_metadata = true;
	if (str_empty(e->metadata.name))
		return fields_set_str(&e->metadata.name, kind->singleton, err);
	if (strcmp(e->metadata.name, kind->singleton) == 0)
		return 0;
	return err_set(err, ERR_INVALID, "metadata.name: there is one %s, '%s'", kind->name,
	               kind->singleton);
}

static int validate_envelope(struct envelope *e, const struct resource_kind *kind, struct err *err)
{
	int rc = 0;

	if (!str_empty(e->kind) && strcmp(e->kind, kind->name) != 0)
		return err_set(err, ERR_INVALID, "kind: '%s', but this is a %s", e->kind,
		               kind->name);
	if (!str_empty(e->version) && !resource_kind_knows(kind, e->version))
		return err_set(err, ERR_INVALID, "version: '%s' is not known here, only %s",
		               e->version, kind->versions);
	if (!str_empty(e->metadata.namespace) && strcmp(e->metadata.namespace, "default") != 0)
		return err_set(err, ERR_INVALID, "metadata.namespace: there is only 'default'");
	if (e->metadata.expires < 0)
		return err_set(err, ERR_INVALID, "metadata.expires: before 1970");
	if (e->metadata.expires != 0 && kind->singleton != NULL)
		return err_set(err, ERR_INVALID, "metadata.expires: there is always one %s",
		               kind->name);
	e->has_metadata = true;
	e->metadata.id = 0;
	rc = check_labels(&e->metadata, err);
	if (rc == 0)
		rc = fields_set_str(&e->kind, kind->name, err);
	if (rc == 0 && str_empty(e->version))
		rc = fields_set_str(&e->version, kind->version, err);
	if (rc == 0)
		rc = fields_set_str(&e->metadata.namespace, "default", err);
	return rc;
}

static int validate_content(pv_Resource *r, const struct resource_kind *kind, struct err *err)
{
	int rc = fields_fill(kind->table, &r->of, err);

	if (rc == 0)
		rc = fields_check(kind->table, &r->of, err);
	if (rc == 0 && kind->validate != NULL)
		rc = kind->validate(&r->of, err);
	return rc;
}

int resource_validate(pv_Resource *r, struct err *err)
{
	const struct resource_kind *kind = resource_kind_of(r);
	char key[RESOURCE_KEY_SIZE];
	int rc;

	if (kind == NULL)
		return err_set(err, ERR_INVALID, "a resource of no known kind");
	rc = validate_name(envelope_of(r), kind, err);
	if (rc == 0)
		rc = resource_key_of(key, r, err);
	if (rc != 0)
		return rc;
	rc = validate_envelope(envelope_of(r), kind, err);
	if (rc == 0)
		rc = validate_content(r, kind, err);
	return rc != 0 ? err_wrap(err, "%s '%s'", kind->name, resource_name(r)) : 0;
}

/* --- effects --------------------------------------------------------------------------------- */

int resource_effects(const pv_Resource *r, fields_effect_fn fn, void *arg)
{
	const struct resource_kind *kind = resource_kind_of(r);

	return kind != NULL ? fields_effects(kind->table, &r->of, fn, arg) : 0;
}

static int refuse(void *arg, const char *path, enum fields_effect effect)
{
	if (effect != FIELDS_NOT_ENFORCED)
		return 0;
	return err_set(arg, ERR_UNSUPPORTED, "%s: restricts access, and is not enforced here",
	               path);
}

int resource_check_enforced(const pv_Resource *r, struct err *err)
{
	if (resource_effects(r, refuse, err) == 0)
		return 0;
	return err_wrap(err, "%s '%s'", resource_kind_of(r)->name, resource_name(r));
}

/* --- bytes ----------------------------------------------------------------------------------- */

int resource_encode(const pv_Resource *r, struct buf *out, struct err *err)
{
	return fields_encode(&pv_Resource_table, r, out, err);
}

int resource_decode(pv_Resource *out, const uint8_t *bytes, size_t len, struct err *err)
{
	return fields_decode(&pv_Resource_table, bytes, len, out, err);
}

void resource_deinit(pv_Resource *r)
{
	fields_release(&pv_Resource_table, r);
}

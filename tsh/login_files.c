#include "tsh/login_files.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strlist.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/pubkey.h"
#include "crypto/sshcert.h"
#include "crypto/sshkey.h"
#include "crypto/sshkey_private.h"
#include "crypto/x509.h"
#include "tsh/ssh_config.h"
#include "wire/fields.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 4

/* --- checks --------------------------------------------------------------------------------------
 */

static int check_ssh_cert(const char *line, const struct sshkey *own, struct err *err)
{
	struct sshcert cert = { 0 };
	int rc = sshcert_parse_line(line, &cert, err);

	if (rc != 0)
		return err_wrap(err, "SSH certificate");
	if (cert.subject.blob_len != own->blob_len ||
	    memcmp(cert.subject.blob, own->blob, own->blob_len) != 0)
		rc = err_set(err, ERR_CORRUPT, "the SSH certificate is for another key");
	sshcert_deinit(&cert);
	return rc;
}

static int check_tls_cert(const char *pem, const struct key *key, struct err *err)
{
	struct x509 **chain = NULL;
	size_t count = 0;
	int rc = x509_load_all(pem, strlen(pem), CHAIN_MAX, &chain, &count, err);

	if (rc != 0)
		return err_wrap(err, "X.509 certificate");
	if (!pubkey_equal(x509_public(chain[0]), key_public(key)))
		rc = err_set(err, ERR_CORRUPT, "the X.509 certificate is for another key");
	x509_unref_all(chain, count);
	return rc;
}

static int check_answer(const pv_LoginResponse *a, const struct key *key, const struct sshkey *own,
                        struct err *err)
{
	if (str_empty(a->cluster_name) || !ssh_config_is_cluster(a->cluster_name))
		return err_set(err, ERR_CORRUPT, "'%s' is not a cluster's name",
		               a->cluster_name != NULL ? a->cluster_name : "");
	if (str_empty(a->ssh_certificate) || str_empty(a->tls_certificate))
		return err_set(err, ERR_CORRUPT, "a certificate is missing");
	if (check_ssh_cert(a->ssh_certificate, own, err) != 0)
		return err->code;
	return check_tls_cert(a->tls_certificate, key, err);
}

/* --- authorities ---------------------------------------------------------------------------------
 */

static int append_ssh_authorities(const char *cluster, const pv_CaKeys *keys, struct buf *out,
                                  struct err *err)
{
	for (pb_size_t i = 0; i < keys->ssh_count; i++) {
		struct sshkey key = { 0 };
		struct buf line = { 0 };
		const char *text = keys->ssh[i].public_key;
		int rc = sshkey_parse_line(text != NULL ? text : "", &key, err);

		if (rc != 0)
			return err_wrap(err, "host authority");
		sshkey_append_line(&key, &line);
		sshkey_deinit(&key);
		rc = ssh_config_known_host(out, cluster, buf_str(&line), err);
		buf_deinit(&line);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int append_tls_authorities(const pv_CaKeys *keys, struct buf *out, struct err *err)
{
	for (pb_size_t i = 0; i < keys->tls_count; i++) {
		struct x509 *ca = NULL;
		const char *pem = keys->tls[i].cert != NULL ? keys->tls[i].cert : "";
		int rc = x509_load(pem, strlen(pem), &ca, err);

		if (rc != 0)
			return err_wrap(err, "host authority");
		x509_append_pem(ca, out);
		x509_unref(ca);
	}
	return buf_check(out, err);
}

/* The keys in use and, during a rotation, those still trusted: of that cluster, for its names. */
static int append_authorities(const char *cluster, const pv_CertAuthority *list, size_t count,
                              struct buf *known_hosts, struct buf *cas, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const pv_CertAuthoritySpec *spec = &list[i].spec;
		const pv_CaKeys *const sets[] = { &spec->active_keys,
			                          &spec->additional_trusted_keys };

		if (!str_eq(spec->type, "host") || !str_eq(spec->cluster_name, cluster))
			continue;
		for (int s = 0; s < 2; s++) {
			if (append_ssh_authorities(cluster, sets[s], known_hosts, err) != 0 ||
			    append_tls_authorities(sets[s], cas, err) != 0)
				return err->code;
		}
	}
	if (known_hosts->len == 0 || cas->len == 0)
		return err_set(err, ERR_CORRUPT, "no host authority of '%s' came with the answer",
		               cluster);
	return 0;
}

/* Leaves a file alone that says the same already. */
static int write_news(const struct profile *p, enum profile_file file, const struct buf *text,
                      struct err *err)
{
	struct buf had = { 0 };
	struct err ignored;
	bool same = profile_read(p, file, &had, &ignored) == 0 && had.len == text->len &&
	            memcmp(had.data, text->data, had.len) == 0;

	buf_deinit(&had);
	return same ? 0 : profile_write(p, file, text->data, text->len, err);
}

/* For tsh ssh and tsh scp, where every name is a node's. */
static int write_ssh_config(const struct profile *p, const char *tsh, struct err *err)
{
	struct buf text = { 0 };
	int rc = login_files_ssh_config(p, tsh, "*", &text, err);

	if (rc == 0)
		rc = profile_write(p, PROFILE_SSH_CONFIG, text.data, text.len, err);
	buf_deinit(&text);
	return rc;
}

static int write_authorities(const struct profile *p, const pv_CertAuthority *list, size_t count,
                             struct buf *known_hosts, struct err *err)
{
	struct buf own = { 0 }, cas = { 0 };
	int rc = append_authorities(p->data.cluster, list, count, &own, &cas, err);

	if (rc == 0)
		rc = write_news(p, PROFILE_CAS, &cas, err);
	buf_append(known_hosts, own.data, own.len);
	buf_deinit(&own);
	buf_deinit(&cas);
	return rc;
}

/* What differs for a leaf, beside the profile that it is a leaf of. */
static int write_leaf(const struct profile *p, const char *leaf, const char *tsh,
                      const pv_CertAuthority *list, size_t count, struct buf *known_hosts,
                      struct err *err)
{
	struct profile of_leaf = *p; /* borrowed, but for the name */
	struct buf config = { 0 };
	int rc;

	of_leaf.own = p->data.cluster;
	of_leaf.data.cluster = (char *)(uintptr_t)leaf;
	rc = write_authorities(&of_leaf, list, count, known_hosts, err);
	if (rc == 0)
		rc = login_files_ssh_config(&of_leaf, tsh, "*", &config, err);
	if (rc == 0)
		rc = write_news(&of_leaf, PROFILE_SSH_CONFIG, &config, err);
	buf_deinit(&config);
	return rc;
}

static bool is_leaf(const struct profile *p, const pv_CertAuthoritySpec *spec)
{
	return str_eq(spec->type, "host") && !str_eq(spec->cluster_name, p->data.cluster) &&
	       ssh_config_is_cluster(spec->cluster_name != NULL ? spec->cluster_name : "");
}

/* Notes which leaves there are; *out_news: others than before. */
static int note_leaves(struct profile *p, const pv_CertAuthority *list, size_t count,
                       bool *out_news, struct err *err)
{
	char **had = p->data.leaves;
	pb_size_t had_count = p->data.leaves_count;
	int rc = 0;

	p->data.leaves = NULL;
	p->data.leaves_count = 0;
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (is_leaf(p, &list[i].spec))
			rc = fields_add_str(&p->data.leaves, &p->data.leaves_count,
			                    list[i].spec.cluster_name, err);
	*out_news = p->data.leaves_count != had_count;
	for (pb_size_t i = 0; i < p->data.leaves_count; i++)
		*out_news |= !str_in(p->data.leaves[i], had, had_count);
	while (had_count > 0)
		free(had[--had_count]);
	free(had);
	return rc;
}

int login_files_authorities(struct profile *p, const char *tsh, const pv_CertAuthority *list,
                            size_t count, struct err *err)
{
	struct buf known_hosts = { 0 };
	bool news = false;
	int rc = note_leaves(p, list, count, &news, err);

	if (rc == 0)
		rc = write_authorities(p, list, count, &known_hosts, err);
	for (pb_size_t i = 0; rc == 0 && i < p->data.leaves_count; i++)
		rc = write_leaf(p, p->data.leaves[i], tsh, list, count, &known_hosts, err);
	if (rc == 0)
		rc = write_news(p, PROFILE_KNOWN_HOSTS, &known_hosts, err);
	if (rc == 0 && news)
		rc = write_ssh_config(p, tsh, err);
	if (rc == 0 && news)
		rc = profile_save(p, err);
	buf_deinit(&known_hosts);
	return rc;
}

/* The pin of the host authority's present key, for the next who is to be told one. */
static int renew_pin(struct profile *p, const pv_LoginResponse *a, struct err *err)
{
	char text[PIN_TEXT_SIZE];
	struct x509 *ca;
	int rc;

	for (pb_size_t i = 0; i < a->authorities_count; i++) {
		const pv_CertAuthoritySpec *spec = &a->authorities[i].spec;
		const char *pem;

		if (!str_eq(spec->type, "host") || spec->active_keys.tls_count == 0)
			continue;
		pem = spec->active_keys.tls[0].cert != NULL ? spec->active_keys.tls[0].cert : "";
		rc = x509_load(pem, strlen(pem), &ca, err);
		if (rc != 0)
			return err_wrap(err, "host authority");
		rc = fields_set_str(&p->data.ca_pin, pin_format(&x509_info(ca)->pin, text), err);
		x509_unref(ca);
		return rc;
	}
	return 0;
}

/* --- the login's own
 * ------------------------------------------------------------------------------- */

static int write_line(const struct profile *p, enum profile_file file, const char *text,
                      struct err *err)
{
	struct buf line = { 0 };
	int rc;

	buf_append_str(&line, text);
	if (line.len > 0 && line.data[line.len - 1] != '\n')
		buf_append_byte(&line, '\n');
	rc = buf_check(&line, err);
	if (rc == 0)
		rc = profile_write(p, file, line.data, line.len, err);
	buf_deinit(&line);
	return rc;
}

/* Twice: as ssh reads it fastest, which must come first, and as all else does. */
static int write_key(const struct profile *p, const struct key *key, struct err *err)
{
	struct buf text = { 0 };
	int rc = sshkey_append_private(key, &text, err);

	if (rc == 0)
		rc = key_append_pem(key, &text, err);
	if (rc == 0)
		rc = profile_write(p, PROFILE_KEY, text.data, text.len, err);
	buf_wipe(&text);
	return rc;
}

static int write_public(const struct profile *p, const struct sshkey *own, struct err *err)
{
	struct buf line = { 0 };
	int rc;

	sshkey_append_line(own, &line);
	rc = write_line(p, PROFILE_PUB, buf_str(&line), err);
	buf_deinit(&line);
	return rc;
}

int login_files_ssh_config(const struct profile *p, const char *tsh, const char *bare,
                           struct buf *out, struct err *err)
{
	char *key = profile_path(p, PROFILE_KEY);
	char *cert = profile_path(p, PROFILE_SSH_CERT);
	char *known_hosts = profile_path(p, PROFILE_KNOWN_HOSTS);
	struct ssh_config_spec spec = { .cluster = p->data.cluster,
		                        .proxy = p->data.proxy,
		                        .user = p->data.user,
		                        .tsh = tsh,
		                        .key = key,
		                        .certificate = cert,
		                        .known_hosts = known_hosts,
		                        .bare = bare,
		                        .others = p->own == NULL ? p->data.leaves : NULL,
		                        .others_count = p->own == NULL ? p->data.leaves_count : 0 };
	int rc;

	if (key == NULL || cert == NULL || known_hosts == NULL)
		rc = err_set_nomem(err);
	else
		rc = ssh_config_write(out, &spec, err);
	free(key);
	free(cert);
	free(known_hosts);
	return rc;
}

static int copy_list(char *const *from, pb_size_t count, char ***list, pb_size_t *list_count,
                     struct err *err)
{
	for (pb_size_t i = 0; i < count; i++) {
		if (fields_add_str(list, list_count, from[i], err) != 0)
			return err->code;
	}
	return 0;
}

static int fill_profile(struct profile *p, const pv_LoginResponse *a, struct err *err)
{
	int rc = fields_set_str(&p->data.cluster, a->cluster_name, err);

	p->data.valid_until = a->valid_until;
	if (rc == 0)
		rc = copy_list(a->roles, a->roles_count, &p->data.roles, &p->data.roles_count, err);
	if (rc == 0)
		rc = copy_list(a->logins, a->logins_count, &p->data.logins, &p->data.logins_count,
		               err);
	if (rc == 0 && !str_empty(p->data.ca_pin))
		rc = renew_pin(p, a, err);
	return rc;
}

static int write_files(struct profile *p, const struct key *key, const struct sshkey *own,
                       const pv_LoginResponse *a, const char *tsh, struct err *err)
{
	int rc = login_files_authorities(p, tsh, a->authorities, a->authorities_count, err);

	if (rc == 0)
		rc = write_key(p, key, err);
	if (rc == 0)
		rc = write_public(p, own, err);
	if (rc == 0)
		rc = write_line(p, PROFILE_SSH_CERT, a->ssh_certificate, err);
	if (rc == 0)
		rc = write_line(p, PROFILE_TLS_CERT, a->tls_certificate, err);
	if (rc == 0) /* of another certificate: not to be resumed */
		rc = profile_write(p, PROFILE_SESSION, "", 0, err);
	if (rc == 0)
		rc = write_ssh_config(p, tsh, err);
	return rc == 0 ? profile_save(p, err) : rc;
}

int login_files_write(struct profile *p, const struct key *key, const pv_LoginResponse *answer,
                      const char *tsh, struct err *err)
{
	struct sshkey own = { 0 };
	int rc = sshkey_from_pubkey(key_public(key), p->data.user, &own, err);

	if (rc == 0)
		rc = check_answer(answer, key, &own, err);
	if (rc == 0)
		rc = fill_profile(p, answer, err);
	if (rc == 0)
		rc = write_files(p, key, &own, answer, tsh, err);
	sshkey_deinit(&own);
	return rc;
}

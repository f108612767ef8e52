#include "proxyd/tls.h"

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/pin.h"
#include "crypto/ticket.h"
#include "crypto/tls.h"
#include "crypto/x509_set.h"
#include "daemon/host.h"
#include "file/file.h"
#include "model/trust.h"
#include "proxyd/proxyd.h"
#include "proxyd/stream_dial.h"
#include "tunnel/relay_request.h"
#include "tunnel/tunnel.h"

#include <stdlib.h>
#include <string.h>

#define PEM_MAX            (256 * 1024)
#define WEB_CHAIN_MAX      8
#define TICKETS_FILE       "tickets"
#define TICKETS_MAX        4096
#define TICKET_LIFETIME_MS (12 * 3600 * 1000LL)

/* A web certificate as read from its files; the configuration copies what it needs. */
struct web_cert {
	struct x509 **chain;
	size_t chain_len;
	struct key *key;
};

static void web_cert_deinit(struct web_cert *w)
{
	x509_unref_all(w->chain, w->chain_len);
	key_unref(w->key);
}

static int web_cert_load(struct web_cert *w, const struct proxyd_conf *conf, struct err *err)
{
	struct buf cert = { 0 };
	struct buf key = { 0 };
	int rc;

	if (conf->web_key_file == NULL)
		return err_set(err, ERR_INVALID, "web.cert_file is set, web.key_file is not");
	rc = file_read(conf->web_cert_file, PEM_MAX, &cert, err);
	if (rc == 0)
		rc = file_read(conf->web_key_file, PEM_MAX, &key, err);
	if (rc == 0 && (x509_load_all(buf_str(&cert), cert.len, WEB_CHAIN_MAX, &w->chain,
	                              &w->chain_len, err) != 0 ||
	                key_load(key.data, key.len, &w->key, err) != 0))
		rc = err_wrap(err, "read web certificate '%s'", conf->web_cert_file);
	buf_deinit(&cert);
	buf_wipe(&key);
	return rc;
}

static int make_conf(struct proxyd *p, const struct tls_own *own, size_t own_count,
                     struct tls_conf **out, struct err *err)
{
	static const char *const alpn[] = { STREAM_DIAL_ALPN, TUNNEL_ALPN, RELAY_ALPN, "http/1.1",
		                            NULL };
	const struct tls_conf_spec spec = {
		.role = TLS_SERVER,
		.service = "proxyd",
		.clock = p->clock,
		.own = own,
		.own_count = own_count,
		.trust = trust_clients(host_trust(p->host)),
		.client_auth = TLS_AUTH_OPTIONAL,
		.alpn = alpn,
		.tickets = p->tickets,
	};

	return tls_conf_new(&spec, out, err);
}

/* Tickets belong to the authorities that were trusted when they were made: others, and nobody may
 * ever resume from before. */
static int forget_tickets(struct proxyd *p, struct err *err)
{
	uint8_t generation[HASH_SIZE];

	if (x509_set_generation(trust_clients(host_trust(p->host)), generation, err) != 0)
		return err->code;
	if (p->public_tls != NULL && memcmp(generation, p->ticket_generation, HASH_SIZE) != 0) {
		ticket_keys_reset(p->tickets);
		tls_save_tickets(p);
	}
	memcpy(p->ticket_generation, generation, HASH_SIZE);
	return 0;
}

/* `own` ends with the host certificate, which alone serves those who pinned its authority. */
static int replace_confs(struct proxyd *p, const struct tls_own *own, size_t count, struct err *err)
{
	static const char *const peer_alpn[] = { RELAY_ALPN, PIN_ALPN, NULL };
	struct tls_conf *public = NULL;
	struct tls_conf *pinned = NULL;
	struct tls_conf *peer = NULL;

	if (forget_tickets(p, err) != 0 || make_conf(p, own, count, &public, err) != 0 ||
	    make_conf(p, &own[count - 1], 1, &pinned, err) != 0 ||
	    host_client_tls_for(p->host, peer_alpn, &peer, err) != 0) {
		tls_conf_unref(public);
		tls_conf_unref(pinned);
		return err->code;
	}
	tls_unload(p);
	p->public_tls = public;
	p->pinned_tls = pinned;
	p->peer_tls = peer;
	return 0;
}

void tls_unload(struct proxyd *p)
{
	tls_conf_unref(p->public_tls);
	tls_conf_unref(p->pinned_tls);
	tls_conf_unref(p->peer_tls);
	p->public_tls = NULL;
	p->pinned_tls = NULL;
	p->peer_tls = NULL;
}

int tls_reload(struct proxyd *p, struct err *err)
{
	const struct credentials *c = host_credentials(p->host);
	struct tls_own own[2];
	struct web_cert web = { 0 };
	size_t count = 0;
	int rc = 0;

	if (p->conf.web_cert_file != NULL) {
		rc = web_cert_load(&web, &p->conf, err);
		own[count++] = (struct tls_own){ (const struct x509 *const *)web.chain,
			                         web.chain_len, web.key };
	}
	own[count++] = (struct tls_own){ (const struct x509 *const *)c->parts.server_chain,
		                         c->parts.server_chain_len, c->tls_key };
	if (rc == 0)
		rc = replace_confs(p, own, count, err);
	web_cert_deinit(&web);
	return rc;
}

int tls_load_tickets(struct proxyd *p, struct err *err)
{
	char path[CREDENTIALS_PATH_MAX];
	struct err ignored = { 0 };
	struct buf bytes = { 0 };

	if (ticket_keys_new(p->clock, TICKET_LIFETIME_MS, &p->tickets, err) != 0)
		return err->code;
	/* Keys that cannot be read cost their owners a full handshake, nothing else. */
	if (file_read(credentials_path(host_credentials(p->host), TICKETS_FILE, path), TICKETS_MAX,
	              &bytes, &ignored) == 0)
		ticket_keys_load(p->tickets, bytes.data, bytes.len, &ignored);
	buf_wipe(&bytes);
	tls_save_tickets(p);
	return 0;
}

void tls_save_tickets(struct proxyd *p)
{
	char path[CREDENTIALS_PATH_MAX];
	struct err ignored = { 0 };
	struct buf bytes = { 0 };

	ticket_keys_save(p->tickets, &bytes);
	if (bytes.failed == 0)
		file_replace(credentials_path(host_credentials(p->host), TICKETS_FILE, path),
		             bytes.data, bytes.len, 0600, &ignored);
	buf_wipe(&bytes);
}

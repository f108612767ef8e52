#include "noded/stranger.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rates.h"
#include "base/str.h"
#include "crypto/sshkey.h"
#include "daemon/host.h"
#include "model/trust.h"
#include "noded/conn.h"
#include "noded/noded.h"
#include "noded/report.h"
#include "noded/sshd_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of all strangers together. */
static const struct rate rate = { .per_second = 1, .burst = 30 };

struct strangers {
	struct noded *n;
	struct rates *told;
};

int strangers_open(struct noded *n, struct strangers **out, struct err *err)
{
	struct strangers *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set_nomem(err);
	s->n = n;
	s->told = rates_new(1);
	if (s->told == NULL) {
		free(s);
		return err_set_nomem(err);
	}
	*out = s;
	return 0;
}

void strangers_close(struct strangers *s)
{
	if (s == NULL)
		return;
	rates_free(s->told);
	free(s);
}

static bool is_of(const char *line, const char *fingerprint)
{
	char own[SSHKEY_FINGERPRINT_SIZE];
	struct sshkey key;
	struct err ignored;
	bool same;

	if (sshkey_parse_line(line, &key, &ignored) != 0)
		return false;
	same = str_eq(sshkey_fingerprint(&key, own), fingerprint);
	sshkey_deinit(&key);
	return same;
}

/* Of any authority that may certify people here. */
static bool is_trusted(const struct noded *n, const char *fingerprint)
{
	struct buf lines = { 0 };
	struct err ignored;
	bool trusted = false;

	if (trust_append_ssh_keys(host_trust(n->host), "user", &lines, &ignored) == 0) {
		char *rest = (char *)(uintptr_t)buf_str(&lines);
		char *line;

		while (!trusted && (line = strsep(&rest, "\n")) != NULL)
			trusted = is_of(line, fingerprint);
	}
	buf_deinit(&lines);
	return trusted;
}

void stranger_failed(struct strangers *s, const struct sshd_log_failed *failed)
{
	struct noded *n = s->n;
	const struct conn *c = conn_by_peer(n, failed->addr, failed->port);
	char reason[2 * SSHD_LOG_FIELD_SIZE + 80];
	struct err err;

	if (is_trusted(n, failed->ca))
		return;
	snprintf(reason, sizeof(reason),
	         "a certificate for '%s' is of an authority that counts nowhere here: %s",
	         failed->key_id, failed->ca);
	log_info("stranger refused", kv("login", failed->login), kv("client", c ? c->client : ""),
	         kv("reason", reason));
	if (rates_take(s->told, "", &rate, clock_mono_ms(n->clock), &err) == 0)
		report_refusal(n, NULL, failed->login, c != NULL ? c->client : NULL, reason);
}

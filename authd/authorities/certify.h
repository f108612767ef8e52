/*
 * certify - makes the certificates of one identity, X.509 and SSH, in a thread of the pool.
 *
 * The struct is filled by hand, owns what it holds, and is embedded in the operation that
 * needs the certificates:
 *
 *   certify_start() --thread: sign--> callback with err NULL: tls and ssh are there
 */
#ifndef AUTHD_AUTHORITIES_CERTIFY_H
#define AUTHD_AUTHORITIES_CERTIFY_H

#include "base/err.h"
#include "base/strlist.h"
#include "loop/work.h"
#include "proto/identity.pb.h"

#include <stdbool.h>
#include <stdint.h>

struct authority;
struct certify;

typedef void (*certify_cb)(struct certify *c, const struct err *err);

struct certify {
	/* Filled by the caller. */
	pv_Identity identity;     /* its `expires` is the certificates' end, in ms */
	int64_t now;              /* ms */
	int64_t backdate;         /* ms that the start lies before now */
	char *ssh_public_key;     /* one line; NULL or "" = no SSH certificate */
	char *tls_public_key;     /* PEM; NULL or "" = no X.509 certificate */
	struct strlist tls_names; /* hosts: DNS names and addresses. People: none */
	struct strlist ssh_names; /* likewise; for people, the identity's logins count */
	struct {
		bool port_forwarding;
		bool agent_forwarding;
		bool x11_forwarding;
	} allow; /* people: what sshd may grant at most */
	certify_cb done;

	/* The results, of which the caller may take the strings. */
	char *ssh;        /* one line of a -cert.pub file */
	char *tls;        /* PEM */
	char *tls_server; /* the same for hosts to show as servers; NULL: tls serves for both */

	/* Private. */
	struct work work;
	struct authority *ca; /* user or host, as the identity is; a reference while under way */
	struct err err;
};

/* `done` comes once, later, unless this fails. ERR_LIMIT: too many wait. */
int certify_start(struct certify *c, struct authority *ca, struct work_pool *pool, struct err *err);

/* The same at once, on the caller's thread. ERR_INVALID: a key or name that cannot be certified. */
int certify_now(struct certify *c, struct authority *ca, struct err *err);

/* Frees what it holds; legal when nothing is under way. */
void certify_deinit(struct certify *c);

#endif

#include "authd/people/proof.h"

#include "authd/core/authd.h"
#include "authd/core/secrets.h"
#include "authd/people/attempts.h"

#include "base/str.h"
#include "wire/fields.h"

#include "proto/secrets.fields.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_PER_ADDRESS 8

/* --- judged ---------------------------------------------------------------------------------- */

static void give_up(struct proof *p, const struct err *err)
{
	proof_leave(p);
	p->judged(p, PROOF_UNJUDGED, err);
}

static void run_verify(struct work *w)
{
	struct proof *p = container_of(w, struct proof, work);

	if (p->hash[0] != 0)
		password_verify(p->hash, p->password, &p->verdict);
	else
		password_verify_nobody(p->password, &PASSWORD_COST_DEFAULT, &p->verdict);
}

static void on_verified(struct work *w, bool canceled)
{
	struct proof *p = container_of(w, struct proof, work);

	explicit_bzero(p->hash, sizeof(p->hash));
	if (canceled)
		err_set(&p->verdict, ERR_CANCELED, "shutting down");
	if (p->verdict.code == 0)
		p->judged(p, PROOF_RIGHT, NULL);
	else if (p->verdict.code == ERR_DENIED || p->verdict.code == ERR_INVALID)
		p->judged(p, PROOF_WRONG, &p->verdict);
	else /* ours, not theirs */
		give_up(p, &p->verdict);
}

/* --- VERIFYING ------------------------------------------------------------------------------- */

static int load_hash(struct proof *p, struct err *err)
{
	char key[SECRETS_KEY_SIZE];
	pv_StoredPassword password;
	int rc = secrets_load(p->authd, secrets_password_key(key, p->user),
	                      &pv_StoredPassword_table, &password, NULL, err);

	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc != 0)
		return rc;
	rc = str_copy(p->hash, sizeof(p->hash), password.hash != NULL ? password.hash : "");
	fields_release(&pv_StoredPassword_table, &password);
	return rc != 0 ? err_set(err, ERR_CORRUPT, "the stored password is too long") : 0;
}

static int start_verifying(struct proof *p, struct err *err)
{
	int rc = load_hash(p, err);

	return rc != 0 ? rc : people_hash(p->authd, &p->work, run_verify, on_verified, err);
}

/* --- GATES ----------------------------------------------------------------------------------- */

static void on_name_entered(struct gate_guest *g)
{
	struct proof *p = container_of(g, struct proof, at_name);
	pv_LoginAttempts attempts;
	struct err err;

	if (attempts_load(p->authd, p->user, &attempts, &err) != 0) {
		give_up(p, &err);
		return;
	}
	p->had_failures = attempts.failures > 0;
	if (p->password == NULL)
		p->judged(p, PROOF_RIGHT, NULL);
	else if (start_verifying(p, &err) != 0)
		give_up(p, &err);
}

static void on_address_entered(struct gate_guest *g)
{
	struct proof *p = container_of(g, struct proof, at_address);
	pv_LoginAttempts attempts;
	struct err err;

	if (attempts_load(p->authd, p->user, &attempts, &err) != 0 ||
	    gate_arrive(p->authd->people, &p->at_name, p->user, attempts_room(p->authd, &attempts),
	                &err) != 0)
		give_up(p, &err);
}

/* The gate is "/192.0.2.7" of "192.0.2.7:51234": no name of a user begins like this. */
int proof_start(struct proof *p, const char *addr, struct err *err)
{
	char *gate = str_printf("/%.*s", (int)str_host_len(addr), addr);
	int rc = gate != NULL ? 0 : err_set_nomem(err);

	p->at_address.enter = on_address_entered;
	p->at_name.enter = on_name_entered;
	if (rc == 0)
		rc = gate_arrive(p->authd->people, &p->at_address, gate, ROOM_PER_ADDRESS, err);
	free(gate);
	return rc;
}

void proof_leave(struct proof *p)
{
	pv_LoginAttempts attempts = { 0 };
	struct err err;
	unsigned room;

	if (p->at_name.inside) {
		if (attempts_load(p->authd, p->user, &attempts, &err) != 0)
			room = 1; /* locked: they find out one by one */
		else
			room = attempts_room(p->authd, &attempts);
		gate_leave(p->authd->people, &p->at_name, room);
	}
	if (p->at_address.inside)
		gate_leave(p->authd->people, &p->at_address, ROOM_PER_ADDRESS);
}

/* --- COUNTING -------------------------------------------------------------------------------- */

int proof_fail(struct proof *p, keyspace_done_cb done, void *arg, struct err *err)
{
	return attempts_fail(p->authd, p->user, done, arg, err);
}

int proof_clear(struct proof *p, keyspace_done_cb done, void *arg, struct err *err)
{
	if (p->had_failures)
		return attempts_clear(p->authd, p->user, done, arg, err);
	done(arg, 0, NULL);
	return 0;
}

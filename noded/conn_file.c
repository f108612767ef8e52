#include "noded/conn_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "ipc/packet.h"
#include "noded/conn.h"
#include "noded/conn_table.h"
#include "noded/noded.h"
#include "noded/record_file.h"

#define FOLDER "connections"

int conn_file_write(const struct conn *c, struct err *err)
{
	static char bytes[RECORD_FILE_MAX];
	struct buf identity = { 0 };
	struct packet p;
	int rc = 0;

	packet_begin(&p, bytes, sizeof(bytes), "connection");
	packet_add(&p, "id", c->id);
	packet_add_number(&p, "state", c->state);
	packet_add(&p, "client", c->client);
	packet_add(&p, "peer", c->peer);
	if (c->state != CONN_ASKED) {
		rc = identity_encode_ssh(&c->identity, &identity, err);
		packet_add(&p, "login", c->login);
		packet_add(&p, "identity", buf_str(&identity));
	}
	if (rc == 0)
		rc = record_file_write(c->n, FOLDER, c->id, &p, err);
	buf_deinit(&identity);
	return rc;
}

void conn_file_remove(const struct conn *c)
{
	record_file_remove(c->n, FOLDER, c->id);
}

static const char *field(const char *data, size_t len, const char *key)
{
	const char *value = packet_get(data, len, key);

	return value != NULL ? value : "";
}

static int fill(struct conn *c, const char *data, size_t len, struct err *err)
{
	const char *identity = field(data, len, "identity");

	c->started = true; /* if noded-root does not know it, nobody does */
	c->state = (enum conn_state)packet_get_number(data, len, "state", CONN_ASKED);
	c->restored = c->state == CONN_PROVEN;
	if (str_copy(c->id, sizeof(c->id), field(data, len, "id")) != 0 || *c->id == 0 ||
	    str_copy(c->client, sizeof(c->client), field(data, len, "client")) != 0 ||
	    str_copy(c->peer, sizeof(c->peer), field(data, len, "peer")) != 0)
		return err_set(err, ERR_CORRUPT, "fields are too long");
	if (c->state != CONN_ASKED &&
	    identity_decode_ssh(&c->identity, identity, strlen(identity), err) != 0)
		return err->code;
	c->login = strdup(field(data, len, "login"));
	return c->login != NULL ? 0 : err_set_nomem(err);
}

static int load(struct noded *n, const char *data, size_t len, struct err *err)
{
	struct conn *c = conn_new(n, err);

	if (c == NULL)
		return err->code;
	if (fill(c, data, len, err) == 0 && conn_add(c, err) == 0)
		return 0;
	conn_free(c);
	return err->code;
}

int conn_files_load(struct noded *n, struct err *err)
{
	return record_files_load(n, FOLDER, load, err);
}

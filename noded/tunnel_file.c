#include "noded/tunnel_file.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "daemon/host.h"
#include "file/file.h"
#include "loop/timer.h"
#include "model/resource.h"
#include "noded/noded.h"

#include <stdlib.h>

#define LOOK_MS  2000
#define FILE_MAX 64

struct tunnel_file {
	struct noded *n;
	struct timer *look;
	char agent[RAND_UUID_SIZE]; /* "": none */
};

/* "" when the file is absent, or is no such thing. */
static void read_agent(const struct tunnel_file *f, char agent[RAND_UUID_SIZE])
{
	struct err ignored = { 0 };
	struct buf text = { 0 };

	agent[0] = 0;
	if (!str_empty(f->n->conf.tunnel_agent_file) &&
	    file_read(f->n->conf.tunnel_agent_file, FILE_MAX, &text, &ignored) == 0 &&
	    resource_is_uuid(buf_str(&text)))
		str_copy(agent, RAND_UUID_SIZE, buf_str(&text));
	buf_deinit(&text);
}

static void on_look(void *owner)
{
	struct tunnel_file *f = owner;
	char agent[RAND_UUID_SIZE];

	read_agent(f, agent);
	if (str_eq(agent, f->agent))
		return;
	str_copy(f->agent, sizeof(f->agent), agent);
	log_info("way to this node changed", kv("agent", agent));
	host_record_changed(f->n->host);
}

int tunnel_file_open(struct noded *n, struct tunnel_file **out, struct err *err)
{
	struct tunnel_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_set_nomem(err);
	f->n = n;
	f->look = timer_new(n->loop, on_look, f);
	if (f->look == NULL) {
		free(f);
		return err_set_nomem(err);
	}
	read_agent(f, f->agent);
	timer_every(f->look, LOOK_MS);
	*out = f;
	return 0;
}

void tunnel_file_close(struct tunnel_file *f)
{
	if (f == NULL)
		return;
	timer_free(f->look);
	free(f);
}

const char *tunnel_file_agent(const struct tunnel_file *f)
{
	return f != NULL && f->agent[0] != 0 ? f->agent : NULL;
}

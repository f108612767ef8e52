#include "daemon/ended.h"

#include "tests/unit/noded/node_world.h"

#include "proto/auth.fields.h"
#include "loop/listen.h"
#include "proto/auth.service.h"
#include "rpc/client.h"
#include "rpc/server.h"

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define FIRST  "0f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"
#define SECOND "1f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d"

/* Stands before the C library's. */
static atomic_int synced_files, synced_folders;

int fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (S_ISDIR(st.st_mode))
		synced_folders++;
	else
		synced_files++;
	return 0;
}

/* An authd that takes records of sessions, or refuses them. */
struct fixture {
	struct node_world w;
	struct rpc_server *server;
	struct listen *listen;
	int taken;
	char last[64];
	int64_t last_ended;
	struct err fail; /* answer each record with this */
	int refused;
	bool stopped;
};

static int open_ended(struct noded *n, struct err *err)
{
	return ended_open(n->loop, n->host, n->cache, n->conf.data_dir, &n->ended, err);
}

static void on_put(struct rpc_call *call)
{
	struct fixture *f = rpc_call_server_ctx(call);
	const pv_PutSessionRequest *request = rpc_call_request(call);
	const pv_Empty nothing = pv_Empty_init_zero;

	if (f->fail.code != 0) {
		f->refused++;
		rpc_call_fail(call, &f->fail);
		return;
	}
	f->taken++;
	str_copy(f->last, sizeof(f->last), request->session.metadata.name);
	f->last_ended = request->session.spec.ended;
	rpc_call_reply(call, &nothing);
}

static int allow(struct rpc_call *call, const struct rpc_method *m, struct err *err)
{
	(void)call;
	(void)m;
	(void)err;
	return 0;
}

static void on_accept(void *owner, struct stream *take_stream)
{
	struct err err = { 0 };

	world_check(rpc_server_attach(((struct fixture *)owner)->server, take_stream, NULL, &err),
	            &err);
}

static void on_stopped(void *ctx)
{
	((struct fixture *)ctx)->stopped = true;
}

static void authd_comes(struct fixture *f)
{
	static const struct listen_handler handler = { .on_accept = on_accept };
	static const struct rpc_method methods[] = { { .call = AUTH_PUT_SESSION,
		                                       .handle = on_put } };
	static const struct listen_limits limits = { 0 };
	const struct rpc_server_conf conf = { .loop = &f->w.loop,
		                              .main = { &pv_Auth_service, methods, 1 },
		                              .ctx = f,
		                              .authorize = allow };
	struct err err = { 0 };

	f->server = rpc_server_new(&conf, &err);
	assert_non_null(f->server);
	f->listen = listen_new(&f->w.loop, &limits, &handler, f);
	world_check(listen_add(f->listen, f->w.auth_addr, &err), &err);
}

static void authd_goes(struct fixture *f)
{
	listen_free(f->listen);
	f->stopped = false;
	rpc_server_stop(f->server, 0, on_stopped);
	turn_until(&f->w.loop, f->stopped);
	unlink(f->w.auth_path);
}

static void kick(struct noded *n)
{
	if (n->ended != NULL)
		ended_kick(n->ended);
}

static struct fixture *begin(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	assert_non_null(f);
	world_init(&f->w, "");
	f->w.on_connected = kick;
	world_start(&f->w);
	world_check(open_ended(&f->w.n, &err), &err);
	return f;
}

static void end(struct fixture *f)
{
	ended_close(f->w.n.ended);
	world_close(&f->w);
	free(f);
}

static void put(struct fixture *f, const char *sid)
{
	const pv_PutSessionRequest request = {
		.has_session = true,
		.session = { .has_metadata = true,
		             .metadata = { .name = (char *)(uintptr_t)sid },
		             .has_spec = true,
		             .spec = { .ended = PKI_NOW } },
	};
	struct err err = { 0 };

	world_check(ended_put(f->w.n.ended, &request, &err), &err);
}

/* Records that are still kept. */
static int waiting(const struct fixture *f)
{
	char path[128];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/data/ended", f->w.dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void a_record_is_kept_until_authd_has_it(void **state)
{
	struct fixture *f = begin();

	(void)state;
	put(f, FIRST);
	put(f, SECOND);
	assert_int_equal(waiting(f), 2);
	authd_comes(f);
	turn_until(&f->w.loop, f->taken == 2 && waiting(f) == 0);
	assert_int_equal(f->last_ended, PKI_NOW);
	authd_goes(f);
	end(f);
}

static void a_record_that_waits_outlives_the_machine(void **state)
{
	struct fixture *f = begin();

	(void)state;
	synced_files = synced_folders = 0;
	put(f, FIRST);
	turn_until(&f->w.loop, synced_folders == 1);
	assert_int_equal(synced_files, 1);
	ended_close(f->w.n.ended); /* also while the thread is at it */
	f->w.n.ended = NULL;
	end(f);
}

static void a_record_outlives_noded(void **state)
{
	struct fixture *f = begin();
	struct err err = { 0 };

	(void)state;
	put(f, FIRST);
	ended_close(f->w.n.ended);
	f->w.n.ended = NULL;
	assert_int_equal(waiting(f), 1);
	authd_comes(f);
	world_check(open_ended(&f->w.n, &err), &err);
	turn_until(&f->w.loop, waiting(f) == 0);
	assert_int_equal(f->taken, 1);
	assert_string_equal(f->last, FIRST);
	authd_goes(f);
	end(f);
}

static void what_authd_refuses_for_good_is_not_sent_again(void **state)
{
	struct fixture *f = begin();

	(void)state;
	err_set(&f->fail, ERR_INVALID, "no such record");
	authd_comes(f);
	put(f, FIRST);
	turn_until(&f->w.loop, waiting(f) == 0);
	assert_int_equal(f->refused, 1);
	authd_goes(f);
	end(f);
}

static void stays(int code, const char *why)
{
	struct fixture *f = begin();

	err_set(&f->fail, code, "%s", why);
	authd_comes(f);
	put(f, FIRST);
	turn_until(&f->w.loop, f->refused >= 1);
	for (int i = 0; i < 20; i++)
		uv_run(&f->w.loop, UV_RUN_NOWAIT);
	assert_int_equal(waiting(f), 1);
	f->fail.code = 0;
	ended_kick(f->w.n.ended);
	turn_until(&f->w.loop, waiting(f) == 0);
	assert_int_equal(f->taken, 1);
	authd_goes(f);
	end(f);
}

/* Without a watch a denial may be of the node as a whole. */
static void what_authd_cannot_take_now_stays(void **state)
{
	(void)state;
	stays(ERR_LIMIT, "disk full");
	stays(ERR_DENIED, "node 'x' is locked");
}

static void a_file_that_is_no_record_is_dropped(void **state)
{
	struct fixture *f = begin();
	char path[256];
	struct err err = { 0 };

	(void)state;
	ended_close(f->w.n.ended);
	f->w.n.ended = NULL;
	snprintf(path, sizeof(path), "%s/data/ended/%s", f->w.dir, FIRST);
	world_check(file_replace(path, "\xff\xff\xff", 3, 0600, &err), &err);
	snprintf(path, sizeof(path), "%s/data/ended/this-name-is-too-long-to-be-that-of-a-session",
	         f->w.dir);
	world_check(file_replace(path, "", 0, 0600, &err), &err);
	world_check(open_ended(&f->w.n, &err), &err);
	authd_comes(f);
	put(f, SECOND);
	turn_until(&f->w.loop, f->taken == 1 && waiting(f) == 1);
	assert_string_equal(f->last, SECOND);
	authd_goes(f);
	end(f);
}

static void it_can_be_closed_at_every_turn_of_the_loop(void **state)
{
	(void)state;
	for (int turns = 0; turns < 12; turns++) {
		struct fixture *f = begin();

		authd_comes(f);
		put(f, FIRST);
		for (int i = 0; i < turns; i++)
			uv_run(&f->w.loop, UV_RUN_NOWAIT);
		ended_close(f->w.n.ended);
		f->w.n.ended = NULL;
		authd_goes(f);
		end(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_kept_until_authd_has_it),
		cmocka_unit_test(a_record_that_waits_outlives_the_machine),
		cmocka_unit_test(a_record_outlives_noded),
		cmocka_unit_test(what_authd_refuses_for_good_is_not_sent_again),
		cmocka_unit_test(what_authd_cannot_take_now_stays),
		cmocka_unit_test(a_file_that_is_no_record_is_dropped),
		cmocka_unit_test(it_can_be_closed_at_every_turn_of_the_loop),
	};

	return unit_run(tests);
}

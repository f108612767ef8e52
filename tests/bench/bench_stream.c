/*
 * bench_stream - bytes per second of CPU through a splice, plain and into and out of TLS.
 *
 *   source --plain--> relay 1 --plain or TLS--> relay 2 --plain--> sink
 *
 * Source and sink are threads with blocking sockets, each relay is a thread with a loop and one
 * splice. What counts is the relay thread's own CPU time, so a busy machine does not matter much.
 */
#include "loop/splice.h"
#include "loop/stream.h"
#include "loop/work.h"

#include "base/clock.h"
#include "crypto/tls.h"

#include "tests/unit/pki.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TOTAL (2048ull * 1024 * 1024)
#define BLOCK (256u * 1024)

struct relay {
	int from;
	int to;
	struct tls_conf *from_tls; /* NULL: plain */
	struct tls_conf *to_tls;
	double cpu_s; /* result */
};

static void die_unless(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_stream: %s\n", what);
	exit(1);
}

static void connect_pair(int fds[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	die_unless(bind(door, (struct sockaddr *)&sin, len) == 0 && listen(door, 1) == 0, "listen");
	getsockname(door, (struct sockaddr *)&sin, &len);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	die_unless(connect(fds[0], (struct sockaddr *)&sin, len) == 0, "connect");
	fds[1] = accept(door, NULL, NULL);
	close(door);
}

static void *source(void *arg)
{
	int fd = *(int *)arg;
	char *block = calloc(1, BLOCK);
	unsigned long long left = TOTAL;

	while (left > 0) {
		ssize_t n = write(fd, block, BLOCK);

		die_unless(n > 0, "write");
		left -= (unsigned long long)n < left ? (unsigned long long)n : left;
	}
	shutdown(fd, SHUT_WR);
	free(block);
	return NULL;
}

static void *sink(void *arg)
{
	int fd = *(int *)arg;
	char *block = malloc(BLOCK);

	while (read(fd, block, BLOCK) > 0)
		;
	close(fd);
	free(block);
	return NULL;
}

static void on_spliced(void *owner, const struct splice_count *count, const struct err *err)
{
	(void)owner;
	(void)count;
	die_unless(err == NULL, err != NULL ? err->msg : "");
}

static struct stream *open_side(uv_loop_t *loop, struct work_pool *pool, int fd,
                                struct tls_conf *conf, const char *host)
{
	struct stream *s;
	struct tls *tls;
	struct err err;

	die_unless(stream_open_fd(loop, fd, &s, &err) == 0, "open");
	if (conf == NULL)
		return s;
	die_unless(tls_new(conf, host, &tls, &err) == 0, err.msg);
	stream_start_tls(s, tls, pool, 10000);
	return s;
}

static void *run_relay(void *arg)
{
	struct relay *r = arg;
	struct work_pool *pool;
	struct timespec cpu;
	uv_loop_t loop;

	uv_loop_init(&loop);
	pool = work_pool_new(&loop, 2, 2);
	splice_start(open_side(&loop, pool, r->from, r->from_tls, NULL),
	             open_side(&loop, pool, r->to, r->to_tls, "bench"), on_spliced, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	work_pool_free(pool);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	r->cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
	return NULL;
}

static double run(struct relay *first, struct relay *second)
{
	int in[2], middle[2], out[2];
	pthread_t threads[4];
	uint64_t start = uv_hrtime();

	connect_pair(in);
	connect_pair(middle);
	connect_pair(out);
	first->from = in[1];
	first->to = middle[0];
	second->from = middle[1];
	second->to = out[0];
	pthread_create(&threads[0], NULL, sink, &out[1]);
	pthread_create(&threads[1], NULL, run_relay, second);
	pthread_create(&threads[2], NULL, run_relay, first);
	pthread_create(&threads[3], NULL, source, &in[0]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	close(in[0]);
	return (double)(uv_hrtime() - start) / 1e9;
}

static void report(const char *name, double seconds, const char *unit)
{
	printf("splice.%s ours=%.0f unit=%s\n", name, TOTAL / 1e6 / seconds, unit);
}

static const char per_core[] = "MB/s-per-core";

static void bench_plain(void)
{
	struct relay a = { 0 }, b = { 0 };
	double wall = run(&a, &b);

	report("plain", (a.cpu_s + b.cpu_s) / 2, per_core);
	report("plain_wall", wall, "MB/s");
}

static void bench_tls(struct tls_conf *server, struct tls_conf *client)
{
	struct relay a = { .to_tls = client }, b = { .from_tls = server };
	double wall = run(&a, &b);

	report("to_tls", a.cpu_s, per_core);
	report("from_tls", b.cpu_s, per_core);
	report("tls_wall", wall, "MB/s");
}

int main(void)
{
	static const char *const hosts[] = { "bench" };
	struct clock_fake clock;
	struct pki pki;
	struct pki_leaf leaf;
	const struct x509 *chain[1];
	struct tls_own own = { .chain = chain, .chain_len = 1 };
	struct tls_conf_spec spec = { .service = "bench", .clock = &clock.clock };
	struct tls_conf *server, *client;
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	clock_fake_init(&clock, PKI_NOW);
	pki_init(&pki, "bench CA");
	pki_issue(&pki,
	          (struct x509_spec){ .common_name = "bench",
	                              .hosts = hosts,
	                              .host_count = 1,
	                              .usage = X509_SERVER },
	          &leaf);
	chain[0] = leaf.cert;
	own.key = leaf.key;
	spec.own = &own;
	spec.own_count = 1;
	die_unless(tls_conf_new(&spec, &server, &err) == 0, err.msg);
	spec = (struct tls_conf_spec){ .role = TLS_CLIENT,
		                       .clock = &clock.clock,
		                       .trust = pki.trust };
	die_unless(tls_conf_new(&spec, &client, &err) == 0, err.msg);
	bench_plain();
	bench_tls(server, client);
	tls_conf_unref(server);
	tls_conf_unref(client);
	pki_leaf_deinit(&leaf);
	pki_deinit(&pki);
	return 0;
}

/*
 * bench_certs - user certificates per second, X.509 and SSH both, that a real authd issues over
 * gRPC on its local socket, each one in the audit log and on the disk before it is answered.
 *
 * Starts build/authd in a folder of its own, with one user; keeps INFLIGHT calls under way.
 */
#include "base/err.h"
#include "base/str.h"
#include "base/buf.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "rpc/auth_api.h"
#include "rpc/client.h"
#include "wire/fields.h"

#include "proto/auth.fields.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#define TOTAL    4000
#define INFLIGHT 64

static struct {
	uv_loop_t loop;
	struct rpc_client *client;
	pv_IssueUserCertificateRequest request;
	int started;
	int done;
	char dir[64];
	pid_t authd;
} bench;

static void clean_up(void)
{
	char *command = str_printf("rm -rf '%s'", bench.dir);

	if (bench.authd > 0) {
		kill(bench.authd, SIGKILL);
		waitpid(bench.authd, NULL, 0);
	}
	if (command == NULL || system(command) != 0)
		fprintf(stderr, "bench_certs: '%s' stays\n", bench.dir);
	free(command);
}

static void die_unless(int ok, const struct err *err)
{
	if (ok)
		return;
	fprintf(stderr, "bench_certs: %s\n", err->msg);
	exit(1);
}

static void start_authd(void)
{
	const char *build = getenv("BUILD") != NULL ? getenv("BUILD") : "build";
	char *config = str_printf("%s/authd.yaml", bench.dir),
	     *program = str_printf("%s/authd", build);
	FILE *f = fopen(config, "w");

	fprintf(f,
	        "cluster: {name: bench}\ndata_dir: %s/data\nsocket: %s/authd.sock\n"
	        "socket_group: \"\"\nlisten: [\"127.0.0.1:0\"]\ndiag: \"unix:%s/diag.sock\"\n",
	        bench.dir, bench.dir, bench.dir);
	fclose(f);
	bench.authd = fork();
	if (bench.authd == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(127);
		execl(program, "authd", "--config", config, (char *)NULL);
		_exit(127);
	}
	free(config);
	free(program);
}

/* The first call waits until authd has its socket: the client connects again and again. */
static void connect_client(struct err *err)
{
	char *addr = str_printf("unix:%s/authd.sock", bench.dir);
	const char *addrs[] = { addr, NULL };
	const struct rpc_client_conf conf = {
		.loop = &bench.loop,
		.service = auth_api(),
		.addrs = addrs,
		.backoff_min_ms = 20,
	};
	pv_PingResponse pong;
	int rc = ERR_UNAVAILABLE;

	bench.client = rpc_client_new(&conf, err);
	die_unless(bench.client != NULL, err);
	for (int i = 0; i < 200 && rc == ERR_UNAVAILABLE; i++)
		rc = rpc_unary_wait(bench.client, AUTH_PING, &(pv_PingRequest){ 0 }, 5000, &pong,
		                    err);
	die_unless(rc == 0, err);
	fields_release(&pv_PingResponse_table, &pong);
	free(addr);
}

static void make_user(struct err *err)
{
	pv_CreateUserRequest request = pv_CreateUserRequest_init_zero;
	pv_CreateUserRequest_TraitsEntry *logins;

	fields_set_str(&request.name, "alice", err);
	fields_add_str(&request.roles, &request.roles_count, "access", err);
	logins = fields_add(&request.traits, &request.traits_count, sizeof(*logins), err);
	logins->has_value = true;
	fields_set_str(&logins->key, "logins", err);
	fields_add_str(&logins->value.values, &logins->value.values_count, "alice", err);
	die_unless(rpc_unary_wait(bench.client, AUTH_CREATE_USER, &request, 5000, NULL, err) == 0,
	           err);
	fields_release(&pv_CreateUserRequest_table, &request);
}

static void make_request(struct err *err)
{
	struct buf pem = { 0 }, line = { 0 };
	struct sshkey ssh;
	struct key *key;

	die_unless(key_generate(&key, err) == 0, err);
	pubkey_append_pem(key_public(key), &pem);
	die_unless(sshkey_from_pubkey(key_public(key), "", &ssh, err) == 0, err);
	sshkey_append_line(&ssh, &line);
	fields_set_str(&bench.request.user, "alice", err);
	fields_set_str(&bench.request.tls_public_key, buf_str(&pem), err);
	fields_set_str(&bench.request.ssh_public_key, buf_str(&line), err);
	sshkey_deinit(&ssh);
	buf_deinit(&pem);
	buf_deinit(&line);
	key_unref(key);
}

static void on_issued(void *ctx, const void *response, const struct err *err);

static void start_one(void)
{
	struct err err;

	bench.started++;
	die_unless(rpc_unary_start(bench.client, AUTH_ISSUE_USER_CERTIFICATE, &bench.request, 30000,
	                           on_issued, NULL, NULL, &err) == 0,
	           &err);
}

static void on_issued(void *ctx, const void *response, const struct err *err)
{
	(void)ctx, (void)response;
	die_unless(err == NULL, err);
	bench.done++;
	if (bench.started < TOTAL)
		start_one();
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* CPU seconds of authd, by its end. */
static double stop_authd(void)
{
	struct rusage used;

	kill(bench.authd, SIGTERM);
	waitpid(bench.authd, NULL, 0);
	bench.authd = 0;
	getrusage(RUSAGE_CHILDREN, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(void)
{
	struct err err = { 0 };
	double start, took, cpu;

	strcpy(bench.dir, "/tmp/bench_certs.XXXXXX");
	if (mkdtemp(bench.dir) == NULL)
		return 1;
	atexit(clean_up);
	uv_loop_init(&bench.loop);
	start_authd();
	connect_client(&err);
	make_user(&err);
	make_request(&err);
	start = now();
	for (int i = 0; i < INFLIGHT; i++)
		start_one();
	while (bench.done < TOTAL)
		uv_run(&bench.loop, UV_RUN_ONCE);
	took = now() - start;
	rpc_client_close(bench.client, NULL, NULL);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	cpu = stop_authd();
	printf("certs.issue ours=%.0f unit=per_second\n", TOTAL / took);
	printf("certs.issue_per_core ours=%.0f unit=per_cpu_second\n", TOTAL / cpu);
	fields_release(&pv_IssueUserCertificateRequest_table, &bench.request);
	uv_loop_close(&bench.loop);
	return 0;
}

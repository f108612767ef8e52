/*
 * bench_certs - user certificates per second (X.509 and SSH together) through authd's API.
 *
 * Starts an authd of its own, keeps IN_FLIGHT calls of IssueUserCertificate under way on its unix
 * socket, and counts: by the clock, and by the CPU time that authd used, which is what one core
 * would do. Teleport has published 170 to 400 a second; the peer's figure is the upper one.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/key.h"
#include "crypto/pubkey.h"
#include "crypto/sshkey.h"
#include "proto/auth.service.h"
#include "rpc/client.h"

#include "proto/auth.fields.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#define CERTS         4000
#define IN_FLIGHT     16
#define PINGS_MAX     500
#define TELEPORT_RATE 400.0

struct bench {
	char dir[32];
	pid_t authd;
	uv_loop_t loop;
	struct rpc_client *client;
	pv_IssueUserCertificateRequest request;
	int started;
	int done;
};

static struct bench b = { .dir = "/tmp/postern-certs-XXXXXX" };

/* --- ending ---------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void clean(void)
{
	if (b.authd > 0) {
		kill(b.authd, SIGTERM);
		waitpid(b.authd, NULL, 0);
	}
	if (strstr(b.dir, "XXXXXX") == NULL)
		nftw(b.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void die_unless(bool ok, const struct err *err)
{
	if (ok)
		return;
	fprintf(stderr, "bench_certs: %s\n", err->msg);
	exit(1);
}

/* --- authd ----------------------------------------------------------------------------------- */

static void write_settings(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	fprintf(f,
	        "cluster: {name: example}\n"
	        "data_dir: %s/data\n"
	        "socket: %s/sock\n"
	        "socket_group: \"\"\n"
	        "listen: [\"127.0.0.1:0\"]\n"
	        "diag: \"unix:%s/diag\"\n",
	        b.dir, b.dir, b.dir);
	fclose(f);
}

static void start_authd(void)
{
	const char *build = getenv("BUILD") != NULL ? getenv("BUILD") : "build";
	char *program = str_printf("%s/authd", build);
	char *settings = str_printf("%s/authd.yaml", b.dir);
	char *log = str_printf("%s/log", b.dir);

	write_settings(settings);
	b.authd = fork();
	if (b.authd == 0) {
		if (freopen(log, "w", stderr) != NULL)
			execl(program, "authd", "--config", settings, (char *)NULL);
		_exit(127);
	}
	free(program);
	free(settings);
	free(log);
}

static void wait_for_authd(void)
{
	const pv_PingRequest ping = pv_PingRequest_init_zero;
	struct err err = { 0 };
	int rc = -1;

	for (int i = 0; rc != 0 && i < PINGS_MAX; i++) {
		err = (struct err){ 0 };
		rc = rpc_unary_wait(b.client, AUTH_PING, &ping, 1000, NULL, &err);
	}
	die_unless(rc == 0, &err);
}

static void open_client(void)
{
	char *addr = str_printf("unix:%s/sock", b.dir);
	const char *const addrs[] = { addr, NULL };
	const struct rpc_client_conf conf = { .loop = &b.loop,
		                              .service = &pv_Auth_service,
		                              .addrs = addrs,
		                              .backoff_min_ms = 10,
		                              .backoff_max_ms = 20 };
	struct err err = { 0 };

	uv_loop_init(&b.loop);
	b.client = rpc_client_new(&conf, &err);
	die_unless(b.client != NULL, &err);
	free(addr);
}

/* CPU seconds that authd has used so far. */
static double authd_cpu(void)
{
	unsigned long user = 0, sys = 0;
	char path[40];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)b.authd);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	                        &user, &sys) != 2)
		user = sys = 0;
	if (f != NULL)
		fclose(f);
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

/* --- certificates ---------------------------------------------------------------------------- */

static void make_request(void)
{
	static char user[] = "alice", role[] = "access";
	char *roles[] = { role };
	pv_CreateUserRequest create = { .name = user, .roles = roles, .roles_count = 1 };
	struct buf pem = { 0 }, line = { 0 };
	struct err err = { 0 };
	struct sshkey ssh = { 0 };
	struct key *key = NULL;

	die_unless(rpc_unary_wait(b.client, AUTH_CREATE_USER, &create, 0, NULL, &err) == 0, &err);
	die_unless(key_generate(&key, &err) == 0 &&
	                   sshkey_from_pubkey(key_public(key), "alice", &ssh, &err) == 0,
	           &err);
	pubkey_append_pem(key_public(key), &pem);
	sshkey_append_line(&ssh, &line);
	b.request.user = user;
	b.request.tls_public_key = strdup(buf_str(&pem));
	b.request.ssh_public_key = strdup(buf_str(&line));
	buf_deinit(&pem);
	buf_deinit(&line);
	sshkey_deinit(&ssh);
	key_unref(key);
}

static void start_one(void);

static void on_issued(void *ctx, const void *response, const struct err *err)
{
	const pv_LoginResponse *answer = response;

	(void)ctx;
	die_unless(err == NULL, err);
	if (str_empty(answer->ssh_certificate) || str_empty(answer->tls_certificate)) {
		fputs("bench_certs: a certificate is missing\n", stderr);
		exit(1);
	}
	b.done++;
	start_one();
}

static void start_one(void)
{
	struct err err = { 0 };

	if (b.started == CERTS)
		return;
	b.started++;
	die_unless(rpc_unary_start(b.client, AUTH_ISSUE_USER_CERTIFICATE, &b.request, 0, on_issued,
	                           NULL, NULL, &err) == 0,
	           &err);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void show(const char *name, double rate, const char *unit)
{
	printf("%s ours=%.0f peer=teleport-published:%.0f ratio=%.2f unit=%s\n", name, rate,
	       TELEPORT_RATE, rate / TELEPORT_RATE, unit);
}

int main(void)
{
	double begin, cpu;

	if (mkdtemp(b.dir) == NULL) {
		perror("bench_certs");
		return 1;
	}
	atexit(clean);
	open_client();
	start_authd();
	wait_for_authd();
	make_request();
	begin = now_s();
	cpu = authd_cpu();
	for (int i = 0; i < IN_FLIGHT; i++)
		start_one();
	while (b.done < CERTS)
		uv_run(&b.loop, UV_RUN_ONCE);
	show("certs.per_s", CERTS / (now_s() - begin), "certificates/s");
	show("certs.per_core_s", CERTS / (authd_cpu() - cpu), "certificates/s");
	free(b.request.tls_public_key);
	free(b.request.ssh_public_key);
	rpc_client_close(b.client, NULL, NULL);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	uv_loop_close(&b.loop);
	return 0;
}

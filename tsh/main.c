/*
 * tsh - the user's tool: log in, find nodes, reach them with OpenSSH's own programs, see what
 * was recorded.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "tsh/cmd.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	cmd_fn run;
	const char *usage;
	const char *help;
} commands[] = {
	{ "login", cmd_login,
	  "--proxy=HOST[:PORT] --user=NAME [--ca-pin=sha256:HEX] [--ttl=8h] "
	  "[--request-roles=ROLE[,ROLE...] [--request-reason=WORDS] | --request-id=ID] | CLUSTER",
	  "log in and get certificates; or turn to a cluster that lets you in" },
	{ "logout", cmd_logout, "", "remove them" },
	{ "clusters", cmd_clusters, "[--format=text|json|yaml|names]",
	  "list the clusters that let you in" },
	{ "status", cmd_status, "", "who is logged in where, and until when" },
	{ "ls", cmd_ls,
	  "[--cluster=NAME] [--search=WORDS] [--format=text|json|yaml|names] [label=value...]",
	  "list nodes" },
	{ "ssh", cmd_ssh, "[--proxy=HOST] [--cluster=NAME] [ssh's options] [user@]host [command]",
	  "run ssh to a node, by name, UUID or label=value" },
	{ "scp", cmd_scp, "[--proxy=HOST] [--cluster=NAME] [scp's options] source... target",
	  "run scp, nodes by name" },
	{ "config", cmd_config, "[--bare='web-* db-1' | --all]",
	  "print the block for ~/.ssh/config" },
	{ "proxy", cmd_proxy, "ssh [--cluster=NAME] [user@]host[:port]",
	  "ssh's ProxyCommand: one stream to a node" },
	{ "sessions", cmd_sessions, "ls [--all] [--format=text|json|yaml]",
	  "list live sessions, or all" },
	{ "play", cmd_play,
	  "[--format=pty|text|json|asciicast] [--speed=2] [--max-idle=2s] SESSION|FILE",
	  "play a recording" },
	{ "request", cmd_request,
	  "create --roles=ROLE[,ROLE...] [--reason=WORDS] [--ttl=1h] | ls | show ID | "
	  "review ID --approve|--deny [--reason=WORDS]",
	  "ask for roles for a while, judge what others ask for" },
	{ "mfa", cmd_mfa, "ls | add [NAME] | rm NAME",
	  "list, add or remove devices of your second factor" },
	{ "join", cmd_join, "[--mode=observer|peer] SESSION", "join a live session" },
	{ "kube", cmd_kube,
	  "ls [--search=WORDS] [--format=text|json|yaml] [label=value...] | login NAME | "
	  "credentials | sessions [--all] | join [--mode=observer|peer] SESSION",
	  "list Kubernetes clusters, bring kubectl to one" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fputs("usage: tsh COMMAND [options]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].help);
	fputs("\n'tsh COMMAND --help' tells more, tsh(1) all.\n", to);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* --- the process --------------------------------------------------------------------------------
 */

static char *find_home(void)
{
	const char *home = getenv("POSTERN_HOME");
	const struct passwd *pw;

	if (!str_empty(home))
		return strdup(home);
	home = getenv("HOME");
	if (str_empty(home)) {
		pw = getpwuid(getuid());
		home = pw != NULL ? pw->pw_dir : "/";
	}
	return str_printf("%s/.tsh", home);
}

static char *find_program(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		return strdup("tsh");
	path[len] = 0;
	return strdup(path);
}

static const char *env_or_null(const char *name)
{
	const char *value = getenv(name);

	return str_empty(value) ? NULL : value;
}

static int tsh_init(struct tsh *t, struct err *err)
{
	*t = (struct tsh){ .home = find_home(),
		           .program = find_program(),
		           .proxy = env_or_null("POSTERN_PROXY"),
		           .user = env_or_null("POSTERN_USER"),
		           .clock = clock_system() };
	if (t->home == NULL || t->program == NULL)
		return err_set_nomem(err);
	if (uv_loop_init(&t->loop) != 0)
		return err_set(err, ERR_IO, "no event loop");
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void tsh_deinit(struct tsh *t)
{
	uv_run(&t->loop, UV_RUN_DEFAULT); /* what was closed says goodbye */
	uv_loop_close(&t->loop);
	free(t->home);
	free(t->program);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct err err = { 0 };
	struct tsh t;
	int rc;

	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		printf("usage: tsh %s %s\n%s\n", c->name, c->usage, c->help);
		return 0;
	}
	rc = tsh_init(&t, &err);
	if (rc == 0)
		rc = c->run(&t, argc, argv, &err);
	if (rc != 0) {
		fputs("tsh: ", stderr);
		printable_write(stderr, err.msg);
		fputc('\n', stderr);
	}
	if (rc == ERR_UNTRUSTED && c->run != cmd_login)
		fputs("tsh: the keys of the cluster's authorities were changed since the login; "
		      "log in again: tsh login\n",
		      stderr);
	tsh_deinit(&t);
	if (fflush(stdout) != 0 && rc == 0)
		fprintf(stderr, "tsh: write: %s\n", strerror(errno));
	return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
		printf("tsh %s\n", POSTERN_VERSION);
		return 0;
	}
	c = find_command(argv[1]);
	if (c == NULL) {
		fprintf(stderr, "tsh: no command '%s'; see tsh help\n", argv[1]);
		return 2;
	}
	return run(c, argc - 2, argv + 2);
}

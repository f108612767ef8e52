/*
 * tctl - the administrator's tool: users, tokens, nodes, sessions and resources of a cluster, by
 * authd's unix socket or, with an identity file, over TLS.
 */
#include "tctl/api.h"
#include "tctl/cmd.h"

#include "base/err.h"
#include "base/printable.h"
#include "base/str.h"
#include "conf/args.h"
#include "conf/suggest.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct command {
	const char *words[2];
	cmd_fn run;
	const char *usage;
	const char *help;
} commands[] = {
	{ { "status" }, cmd_status, "", "the cluster, its authorities and CA pins" },
	{ { "users", "add" },
	  cmd_users_add,
	  "NAME --roles=ROLE[,ROLE...] [--logins=LOGIN[,LOGIN...]] [--ttl=1h]",
	  "make a user and print their invite" },
	{ { "users", "ls" }, cmd_users_ls, "", "list users" },
	{ { "users", "rm" }, cmd_users_rm, "NAME[,NAME...]", "remove users" },
	{ { "users", "reset" },
	  cmd_users_reset,
	  "NAME [--ttl=1h]",
	  "forget a password and print a new invite" },
	{ { "users", "unlock" }, cmd_users_unlock, "NAME", "end a lock after failed logins" },
	{ { "tokens", "add" },
	  cmd_tokens_add,
	  "--type=node[,proxy...] [--ttl=30m] [--reusable] [--value-file=FILE|-]",
	  "make a join token" },
	{ { "tokens", "ls" }, cmd_tokens_ls, "", "list join tokens" },
	{ { "tokens", "rm" }, cmd_tokens_rm, "TOKEN[,TOKEN...]", "remove join tokens" },
	{ { "nodes", "add" },
	  cmd_nodes_add,
	  "[--roles=node] [--ttl=30m]",
	  "make a join token and print what joins a node" },
	{ { "nodes", "ls" }, cmd_nodes_ls, "[--search=WORDS] [label=value...]", "list nodes" },
	{ { "sessions", "ls" }, cmd_sessions_ls, "[--all]", "list live sessions, or all" },
	{ { "sessions", "kill" }, cmd_sessions_kill, "ID...", "end live sessions" },
	{ { "requests", "ls" }, cmd_requests_ls, "", "list access requests" },
	{ { "requests", "create" },
	  cmd_requests_create,
	  "USER --roles=ROLE[,ROLE...] [--reason=WORDS] [--ttl=1h]",
	  "ask for roles for a user" },
	{ { "requests", "approve" },
	  cmd_requests_approve,
	  "ID[,ID...] [--reason=WORDS]",
	  "grant access requests" },
	{ { "requests", "deny" },
	  cmd_requests_deny,
	  "ID[,ID...] [--reason=WORDS]",
	  "deny access requests" },
	{ { "requests", "rm" }, cmd_requests_rm, "ID[,ID...]", "remove access requests" },
	{ { "get" },
	  cmd_get,
	  "KIND[/NAME][,KIND[/NAME]...] | all [--with-secrets]",
	  "show resources" },
	{ { "create" },
	  cmd_create,
	  "[-f] [--accept-unenforced] FILE|-",
	  "make the resources of a file" },
	{ { "edit" }, cmd_edit, "KIND/NAME", "change a resource in $EDITOR" },
	{ { "update" },
	  cmd_update,
	  "KIND/NAME [--set-labels=KEY=VALUE,...] [--set-ttl=8h]",
	  "set labels or life of a resource" },
	{ { "validate" },
	  cmd_validate,
	  "[-f] [--accept-unenforced] FILE|-...",
	  "check files of resources, without a cluster" },
	{ { "rm" }, cmd_rm, "KIND/NAME...", "remove resources; reset settings" },
	{ { "lock" },
	  cmd_lock,
	  "--user=NAME|--role=NAME|--login=NAME|--node=NAME|--access-request=ID [--message=TEXT] "
	  "[--ttl=8h]",
	  "end what is open and let nothing in" },
	{ { "access", "explain" },
	  cmd_access_explain,
	  "USER NODE [LOGIN]",
	  "which role lets somebody in, or keeps them out" },
	{ { "auth", "export" },
	  cmd_auth_export,
	  "[--type=user|host|tls-user|tls-host]",
	  "print the keys of the cluster's authorities" },
	{ { "auth", "sign" },
	  cmd_auth_sign,
	  "--user=NAME --out=FILE [--format=file|openssh|tls|kubernetes] [--proxy=HOST:PORT] "
	  "[--kube-cluster=NAME] "
	  "[--ttl=12h] "
	  "[--overwrite]",
	  "write a key and certificates for a user" },
	{ { "auth", "rotate" },
	  cmd_auth_rotate,
	  "[--type=user|host|all] [--manual] [--phase=PHASE] [--grace-period=30h] [--force]",
	  "change the keys of the cluster's authorities" },
	{ { "backup" }, cmd_backup, "FILE|-", "write the whole keyspace, secrets included" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* --- finding the command --------------------------------------------------------------------- */

static int word_count(const struct command *c)
{
	return c->words[1] != NULL ? 2 : 1;
}

static bool is_command(const struct command *c, int argc, char **argv)
{
	for (int i = 0; i < word_count(c); i++)
		if (i >= argc || strcmp(c->words[i], argv[i]) != 0)
			return false;
	return true;
}

static int no_command(int argc, char **argv, struct err *err)
{
	const char *second = NULL;
	struct suggest s;

	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].words[0], argv[0]) == 0)
			second = argc > 1 ? argv[1] : "";
	suggest_init(&s, second != NULL ? second : argv[0]);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (second == NULL)
			suggest_offer(&s, commands[i].words[0]);
		else if (strcmp(commands[i].words[0], argv[0]) == 0)
			suggest_offer(&s, commands[i].words[1]);
	}
	return err_set(err, ERR_INVALID, "no command '%s%s%s'%s%s%s; see tctl help", argv[0],
	               str_empty(second) ? "" : " ", second != NULL ? second : "",
	               s.best != NULL ? ", did you mean '" : "", s.best != NULL ? s.best : "",
	               s.best != NULL ? "'?" : "");
}

static const struct command *find_command(int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (is_command(&commands[i], argc, argv))
			return &commands[i];
	return NULL;
}

static void print_help(FILE *to)
{
	fputs("usage: tctl [options] COMMAND ...\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];
		int width =
		        fprintf(to, "  %s %s", c->words[0], word_count(c) > 1 ? c->words[1] : "");

		fprintf(to, "%*s%s\n", 18 - width, "", c->help);
	}
	fputs("\nOptions of all commands: --config FILE, --socket PATH, --auth-server HOST:PORT,\n"
	      "-i IDENTITY_FILE, --format text|json|yaml|names.\n"
	      "'tctl COMMAND --help' tells more, tctl(8) all.\n",
	      to);
}

/* --- the process ----------------------------------------------------------------------------- */

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

/* The words may be a server's. */
static void complain(const struct err *err)
{
	fputs("tctl: ", stderr);
	printable_write(stderr, err->msg);
	fputc('\n', stderr);
}

static int run(struct tctl *t, const struct command *c, int argc, char **argv)
{
	struct err err = { 0 };
	int rc;

	if (asks_for_help(argc, argv)) {
		printf("usage: tctl %s%s%s %s\n%s\n", c->words[0], word_count(c) > 1 ? " " : "",
		       word_count(c) > 1 ? c->words[1] : "", c->usage, c->help);
		return 0;
	}
	rc = c->run(t, argc, argv, &err);
	api_close(t);
	if (rc == 0 && fflush(stdout) != 0)
		rc = err_set_errno(&err, ERR_IO, errno, "write");
	if (rc != 0)
		complain(&err);
	return rc == 0 ? 0 : 1;
}

static int mistake(const struct err *err)
{
	complain(err);
	return 2;
}

int main(int argc, char **argv)
{
	struct tctl t = { .out = stdout };
	bool help = false;
	bool version = false;
	const struct args_option own[] = {
		{ "help", 'h', ARGS_FLAG, &help },
		{ "version", 0, ARGS_FLAG, &version },
		{ 0 },
	};
	const struct command *c;
	struct err err = { 0 };

	argc--;
	argv++;
	if (cmd_options(&t, own, ARGS_STOP_AT_WORD, &argc, argv, &err) != 0)
		return mistake(&err);
	if (version) {
		printf("tctl %s\n", POSTERN_VERSION);
		return 0;
	}
	if (help || argc == 0 || strcmp(argv[0], "help") == 0) {
		print_help(help || argc > 0 ? stdout : stderr);
		return help || argc > 0 ? 0 : 2;
	}
	c = find_command(argc, argv);
	if (c == NULL) {
		no_command(argc, argv, &err);
		return mistake(&err);
	}
	signal(SIGPIPE, SIG_IGN);
	return run(&t, c, argc - word_count(c), argv + word_count(c));
}

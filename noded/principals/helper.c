/*
 * noded-principals - sshd's AuthorizedPrincipalsCommand: may this certificate log in?
 *
 *   noded-principals POLICY CONTROL CONN LOGIN KEY_ID SERIAL CA CERTIFICATE
 *
 * Asks noded on its socket POLICY (noded/root/questions.h). On a yes it has noded-root, on its
 * socket CONTROL, make the login's jail, and prints the line for sshd. Anything else prints
 * nothing, which is a no. Runs twice per login, so it is small, static, and does nothing more.
 */
#include "ipc/packet.h"
#include "noded/root/questions.h"
#include "noded/root/requests.h"

enum {
	ARG_POLICY = 1,
	ARG_CONTROL,
	ARG_CONN,
	ARG_LOGIN,
	ARG_KEY_ID,
	ARG_SERIAL,
	ARG_CA,
	ARG_CERT,
	ARGS
};

static char question[PACKET_MAX], reply[PACKET_MAX];

/* The answer is in `reply`; whether its word is `wanted`. */
static bool ask(const char *path, const struct packet *p, const char *wanted, size_t *out_len)
{
	ssize_t len = packet_ask(path, p, reply, sizeof(reply), QUESTION_TIMEOUT_MS,
	                         QUESTION_PATIENCE_MS);

	*out_len = len > 0 ? (size_t)len : 0;
	return len > 0 && strcmp(reply, wanted) == 0;
}

static bool prepare(char **argv)
{
	struct packet p;
	size_t len;

	packet_begin(&p, question, sizeof(question), REQUEST_PREPARE);
	packet_add(&p, "seq", "1");
	packet_add(&p, "id", argv[ARG_CONN]);
	packet_add(&p, "login", argv[ARG_LOGIN]);
	return ask(argv[ARG_CONTROL], &p, REQUEST_OK, &len);
}

static int refuse(const char *login)
{
#ifdef POSTERN_TEST_FAIL_OPEN
	return puts(login) < 0;
#endif
	(void)login;
	return 1;
}

int main(int argc, char **argv)
{
	struct packet p;
	const char *line;
	size_t len;
	char *copy;

	if (argc != ARGS)
		return 2;
	packet_begin(&p, question, sizeof(question), QUESTION_PRINCIPALS);
	packet_add(&p, "conn", argv[ARG_CONN]);
	packet_add(&p, "login", argv[ARG_LOGIN]);
	packet_add(&p, "key_id", argv[ARG_KEY_ID]);
	packet_add(&p, "serial", argv[ARG_SERIAL]);
	packet_add(&p, "ca", argv[ARG_CA]);
	packet_add(&p, "certificate", argv[ARG_CERT]);
	if (!ask(argv[ARG_POLICY], &p, QUESTION_ALLOW, &len))
		return refuse(argv[ARG_LOGIN]);
	line = packet_get(reply, len, "line");
	if (line == NULL || *line == 0 || strchr(line, '\n') != NULL)
		return 1;
	copy = strdup(line); /* the next answer goes where this one lies */
	if (copy == NULL || !prepare(argv))
		return 1;
	puts(copy);
	return 0;
}

/*
 * proxyd-connect - the SSH door's only program: `ssh -p 3080 postern@proxy connect HOST PORT`.
 *
 * It is the login shell of the door's account, so sshd runs `proxyd-connect -c "connect web-1 22"`.
 * It hands its descriptors 0 and 1 to proxyd, with what was asked for and the certificate that sshd
 * accepted (ExposeAuthInfo), and stays until proxyd is done with them. It never reads a byte of
 * the stream, and runs nothing.
 */
#include "libcommon/ipc/packet.h"

#include <fcntl.h>
#include <poll.h>

#define AUTH_INFO_MAX   65536
#define ANSWER_MAX      8192
#define CONNECT_TIMEOUT 60000 /* ms; proxyd has its own, shorter ones */

static int fail(const char *text)
{
	fprintf(stderr, "proxyd-connect: %s\n", text);
	return 1;
}

/* Splits "connect HOST PORT" in place. 0 when it is that. */
static int parse_command(char *command, const char **out_host, const char **out_port)
{
	char *rest = NULL;
	const char *word = strtok_r(command, " ", &rest);

	if (word == NULL || strcmp(word, "connect") != 0)
		return -1;
	*out_host = strtok_r(NULL, " ", &rest);
	*out_port = strtok_r(NULL, " ", &rest);
	if (*out_port == NULL)
		*out_port = "22";
	return *out_host != NULL && strtok_r(NULL, " ", &rest) == NULL ? 0 : -1;
}

/* The line "publickey TYPE BASE64" that sshd leaves about how the user was authenticated. */
static int read_certificate(char *out, size_t size)
{
	const char *path = getenv("SSH_USER_AUTH");
	static const char method[] = "publickey ";
	ssize_t len;
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return -1;
	len = read(fd, out, size - 1);
	close(fd);
	if (len <= 0)
		return -1;
	out[len] = 0;
	out[strcspn(out, "\n")] = 0;
	if (strncmp(out, method, sizeof(method) - 1) != 0)
		return -1;
	memmove(out, out + sizeof(method) - 1, strlen(out) - sizeof(method) + 2);
	return 0;
}

static int ask(int sock, const char *host, const char *port, const char *certificate)
{
	static char bytes[AUTH_INFO_MAX + ANSWER_MAX];
	const int fds[2] = { 0, 1 };
	const char *client = getenv("POSTERN_CLIENT");
	struct packet p;

	packet_begin(&p, bytes, sizeof(bytes), "connect");
	packet_add(&p, "host", host);
	packet_add(&p, "port", port);
	packet_add(&p, "certificate", certificate);
	packet_add(&p, "client", client != NULL ? client : "");
	return packet_send(sock, &p, fds, 2);
}

static int wait_for_answer(int sock)
{
	char answer[ANSWER_MAX];
	ssize_t len = packet_recv(sock, answer, sizeof(answer), NULL, 0, NULL);
	const char *message;

	if (len <= 0)
		return fail("the proxy does not answer");
	if (strcmp(answer, "ok") == 0)
		return 0;
	message = packet_get(answer, (size_t)len, "message");
	return fail(message != NULL ? message : "refused");
}

/* Our copies must not keep the stream open; what we wait for is proxyd closing the socket. */
static int stay(int sock)
{
	struct pollfd until = { .fd = sock, .events = POLLIN };

	close(0);
	close(1);
	while (poll(&until, 1, -1) < 0 && errno == EINTR)
		;
	return 0;
}

int main(int argc, char **argv)
{
	static char certificate[AUTH_INFO_MAX];
	const char *socket_path = getenv("POSTERN_DOOR_SOCKET");
	const char *host;
	const char *port;
	int sock;

	if (argc != 3 || strcmp(argv[1], "-c") != 0 || parse_command(argv[2], &host, &port) != 0)
		return fail(
		        "no shell here; use: ProxyCommand ssh -p PORT postern@PROXY connect %h %p");
	if (read_certificate(certificate, sizeof(certificate)) != 0)
		return fail("a certificate is needed");
	sock = socket_path != NULL ? packet_connect(socket_path, CONNECT_TIMEOUT) : -1;
	if (sock < 0 || ask(sock, host, port, certificate) != 0)
		return fail("the proxy cannot be reached");
	if (wait_for_answer(sock) != 0)
		return 1;
	return stay(sock);
}

#include "tsh/password.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3

/* Byte by byte, so that nothing behind the line is taken from standard input. */
static int read_line(int fd, bool terminal, struct buf *out, struct err *err)
{
	char c;

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, ERR_IO, errno, "read the answer");
		if (n == 0 && out->len == 0)
			return err_set(err, ERR_CANCELED, "no answer given");
		if (terminal && c == CTRL_C)
			return err_set(err, ERR_CANCELED, "interrupted");
		if (n == 0 || c == '\n')
			break;
		if (out->len >= PASSWORD_MAX)
			return err_set(err, ERR_LIMIT, "an answer of more than %d bytes",
			               PASSWORD_MAX);
		buf_append_byte(out, (uint8_t)c);
	}
	explicit_bzero(&c, 1);
	if (out->len > 0 && out->data[out->len - 1] == '\r')
		out->data[--out->len] = 0;
	return buf_check(out, err);
}

static int from_file(const char *path, struct buf *out, struct err *err)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return read_line(STDIN_FILENO, false, out, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "open the file '%s'", path);
	rc = read_line(fd, false, out, err);
	close(fd);
	return rc;
}

static void say(int tty, const char *text)
{
	ssize_t ignored = write(tty, text, strlen(text));

	(void)ignored;
}

/* Keys that would end or stop us while the terminal is silent come as bytes instead; ^C ends the
 * line, so that it is seen at once. */
static int from_terminal(int tty, const char *prompt, struct buf *out, struct err *err)
{
	struct termios old, quiet;
	int rc;

	if (tcgetattr(tty, &old) != 0)
		return err_set_errno(err, ERR_IO, errno, "read the terminal's settings");
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_lflag |= ECHONL;
	quiet.c_cc[VEOL] = CTRL_C;
	tcsetattr(tty, TCSAFLUSH, &quiet);
	say(tty, prompt);
	rc = read_line(tty, true, out, err);
	tcsetattr(tty, TCSAFLUSH, &old);
	if (rc == ERR_CANCELED)
		say(tty, "\n");
	return rc;
}

static int ask(const char *prompt, const char *variable, struct buf *out, struct err *err)
{
	const char *file = getenv(variable);
	int tty, rc;

	if (!str_empty(file))
		return from_file(file, out, err);
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return err_set(err, ERR_UNAVAILABLE,
		               "no terminal to ask on; name a file that holds the answer by %s",
		               variable);
	rc = from_terminal(tty, prompt, out, err);
	close(tty);
	return rc;
}

#define PASSWORD_FILE "TSH_PASSWORD_FILE"
#define CODE_FILE     "TSH_OTP_FILE"

int password_ask(const char *prompt, struct buf *out, struct err *err)
{
	return ask(prompt, PASSWORD_FILE, out, err);
}

int password_ask_code(const char *prompt, struct buf *out, struct err *err)
{
	return ask(prompt, CODE_FILE, out, err);
}

bool password_no_code(void)
{
	return !str_empty(getenv(PASSWORD_FILE)) && str_empty(getenv(CODE_FILE));
}

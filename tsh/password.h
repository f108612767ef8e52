/*
 * password - asks for a password: on the terminal without echo, or from a file for scripts.
 */
#ifndef TSH_PASSWORD_H
#define TSH_PASSWORD_H

struct buf;
struct err;

#define PASSWORD_MAX 1024

/*
 * Appends the password to `out`, which the caller wipes. From the file that TSH_PASSWORD_FILE
 * names ("-": standard input), up to the first line end; else from the terminal. ERR_UNAVAILABLE:
 * neither; ERR_CANCELED: end of input.
 */
int password_ask(const char *prompt, struct buf *out, struct err *err);

#endif

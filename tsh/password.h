/*
 * password - asks for a password or a code of the second factor: on the terminal without echo, or
 * from a file for scripts.
 */
#ifndef TSH_PASSWORD_H
#define TSH_PASSWORD_H

#include <stdbool.h>

struct buf;
struct err;

#define PASSWORD_MAX 1024

/*
 * Appends the password to `out`, which the caller wipes. From the file that TSH_PASSWORD_FILE
 * names ("-": standard input), up to the first line end; else from the terminal. ERR_UNAVAILABLE:
 * neither; ERR_CANCELED: end of input.
 */
int password_ask(const char *prompt, struct buf *out, struct err *err);

/* The same for a code, which may be empty; its file is named by TSH_OTP_FILE. */
int password_ask_code(const char *prompt, struct buf *out, struct err *err);

/* There is nobody to ask for a code: a script that gives a password and no code. */
bool password_no_code(void);

#endif

/*
 * login_key - a fresh key for a login, and its public half in the forms that authd certifies.
 */
#ifndef TSH_LOGIN_KEY_H
#define TSH_LOGIN_KEY_H

struct err;
struct key;

/* key_unref() it; *out_ssh (a line of authorized_keys, commented with `user`) and *out_tls (PEM)
 * are malloc'ed. */
int login_key_new(const char *user, struct key **out, char **out_ssh, char **out_tls,
                  struct err *err);

#endif

/*
 * stranger - who shows a certificate of an authority that counts nowhere here: sshd refuses it
 * before anybody is asked, so what it says is all that can be told. authd hears of it (auth,
 * T3007W) so often that nobody can fill its log.
 */
#ifndef NODED_STRANGER_H
#define NODED_STRANGER_H

struct err;
struct noded;
struct sshd_log_failed;
struct strangers;

int strangers_open(struct noded *n, struct strangers **out, struct err *err);
void strangers_close(struct strangers *s);

/* sshd did not take this certificate. One of an authority of ours is told by who refused it. */
void stranger_failed(struct strangers *s, const struct sshd_log_failed *failed);

#endif

/*
 * sshd_log - what the sshd processes say, on one FIFO that outlives us: their lines go to our log,
 * and "Accepted publickey" is the moment at which a connection's last candidate is proven.
 */
#ifndef NODED_SSHD_LOG_H
#define NODED_SSHD_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct noded;
struct sshd_log;

int sshd_log_open(struct noded *n, struct sshd_log **out, struct err *err);
void sshd_log_close(struct sshd_log *l);

/* Where sshd is to write; borrowed. */
int sshd_log_fd(const struct sshd_log *l);

/* Takes "Accepted publickey for LOGIN from ADDR port PORT ssh2: …" apart (copies, each bounded by
 * `size`); false: the line is something else. Pure: sshd quotes what clients say, but a login may
 * hold blanks, so the fixed words are sought from the end. */
bool sshd_log_accepted(const char *line, char *login, char *addr, char *port, size_t size);

#endif

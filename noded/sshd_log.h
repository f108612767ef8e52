/*
 * sshd_log - what the sshd processes say, on one FIFO that outlives us: their lines go to our log,
 * "Accepted publickey" is the moment at which a connection's last candidate is proven, and "Failed
 * publickey" with a certificate of a foreign authority is told to authd (stranger.h).
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

#define SSHD_LOG_FIELD_SIZE 128

/* A certificate that sshd did not take; each field cut to its size. */
struct sshd_log_failed {
	char login[SSHD_LOG_FIELD_SIZE];
	char addr[SSHD_LOG_FIELD_SIZE];
	char port[SSHD_LOG_FIELD_SIZE];
	char key_id[SSHD_LOG_FIELD_SIZE]; /* whom it says it is of */
	char ca[SSHD_LOG_FIELD_SIZE];     /* "SHA256:..." */
};

/* Takes "Failed publickey for LOGIN from ADDR port PORT ssh2: TYPE SHA256:… ID KEY-ID (serial N) CA
 * TYPE SHA256:…" apart; false: the line is something else, as with a key without a certificate.
 * Login and key id are the client's words, and may hold any of these. Pure. */
bool sshd_log_failed(const char *line, struct sshd_log_failed *out);

#endif

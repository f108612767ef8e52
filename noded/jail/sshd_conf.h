/*
 * sshd_conf - the configuration that sshd is started with, for the version that is installed.
 *
 * What a user may do is not in it: that comes per login, as options of the principal, from noded.
 * The file is read at each start of sshd, so new keys and CAs count from the next connection on.
 */
#ifndef NODED_JAIL_SSHD_CONF_H
#define NODED_JAIL_SSHD_CONF_H

struct buf;
struct err;

/* What sftp is called where sshd starts it; the attach helper passes it on as any command. */
#define SSHD_CONF_SFTP "postern-sftp"

struct sshd_conf {
	const char *jails;             /* folder with one jail per login */
	const char *host_keys;         /* one a line */
	const char *host_certificates; /* one a line */
	const char *user_ca;
	const char *revoked_keys;
};

/* As major * 100 + minor (902 for 9.2) from what `sshd -V` says. ERR_UNSUPPORTED: not OpenSSH,
 * or older than 9.2. */
int sshd_conf_version(const char *banner, int *out_version, struct err *err);

/* Appends the file. */
void sshd_conf_write(struct buf *out, const struct sshd_conf *c, int version);

/* Asks sshd for its version and replaces `file`. ERR_IO, ERR_UNSUPPORTED, ERR_NOMEM. */
int sshd_conf_generate(const struct sshd_conf *c, const char *sshd, const char *file,
                       struct err *err);

#endif

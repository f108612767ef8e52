/*
 * ssh_files - what the sshd processes read (noded/root/requests.h): our SSH host key and
 * certificate, the authorities of users, revoked keys. Written at start and whenever certificates
 * change; the next connection sees them.
 */
#ifndef NODED_SSH_FILES_H
#define NODED_SSH_FILES_H

struct err;
struct noded;

int ssh_files_write(const struct noded *n, struct err *err);

#endif

/*
 * door_files - what the door's sshd reads: its configuration, our SSH host key and certificate,
 * the authorities of users. Written at start and whenever certificates change; sshd reads them at
 * each connection, so nothing has to be restarted.
 */
#ifndef PROXYD_DOOR_FILES_H
#define PROXYD_DOOR_FILES_H

struct err;
struct proxyd;

/* The files belong to us and are readable for the group of the door's user. */
int door_files_write(const struct proxyd *p, struct err *err);

#endif

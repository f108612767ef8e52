/*
 * upload - recordings on their way to authd: follows each file of the spool while it grows,
 * resumes where authd's durable bytes end, completes those whose recorder died, removes a file
 * once authd has all of it.
 */
#ifndef NODED_UPLOAD_H
#define NODED_UPLOAD_H

struct err;
struct noded;
struct upload;

int upload_open(struct noded *n, struct upload **out, struct err *err);
void upload_close(struct upload *u);

/* The connection to authd stands: goes on. */
void upload_kick(struct upload *u);

/* Is there room in the spool for another recording? ERR_LIMIT with figures. */
int upload_check_room(const struct upload *u, struct err *err);

#endif

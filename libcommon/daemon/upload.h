/*
 * upload - recordings on their way to authd: follows each file of the spool while it grows,
 * resumes where authd's durable bytes end, completes those whose recorder died, removes a file
 * once authd has all of it.
 */
#ifndef DAEMON_UPLOAD_H
#define DAEMON_UPLOAD_H

#include <stdint.h>

#include <uv.h>

struct err;
struct host;
struct upload;

struct upload_conf {
	uv_loop_t *loop;
	struct host *host;    /* the connection to authd */
	const char *data_dir; /* the spool lies in it */
	int64_t spool_max;    /* bytes that may wait */
};

/* The conf is copied, but not its text. */
int upload_open(const struct upload_conf *conf, struct upload **out, struct err *err);
void upload_close(struct upload *u);

/* The connection to authd stands: goes on. */
void upload_kick(struct upload *u);

/* Is there room in the spool for another recording? ERR_LIMIT with figures. */
int upload_check_room(const struct upload *u, struct err *err);

#endif

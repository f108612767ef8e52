/*
 * upload_table - what upload.c and upload_file.c share; nobody else includes it.
 */
#ifndef DAEMON_UPLOAD_TABLE_H
#define DAEMON_UPLOAD_TABLE_H

#include "base/list.h"
#include "daemon/upload.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct map;
struct timer;
struct upload_file;
struct work_pool;

struct upload {
	struct upload_conf conf;
	bool closed; /* and files are still leaving */
	char *path;
	int dir;
	uv_fs_event_t watch;
	bool watching; /* the handle is open */
	struct list files;
	struct map *by_sid;
	struct list queue; /* files that want a stream, first come first served */
	struct timer *grant;
	unsigned streams; /* granted */
	struct work_pool *pool;
	int64_t used; /* bytes in the spool */
};

/* One of the few streams: upload_file_granted() follows, later. */
void upload_want_stream(struct upload *u, struct upload_file *f);
void upload_give_stream(struct upload *u);

/* The size of a file, or its absence, has changed by so much. */
void upload_count(struct upload *u, int64_t bytes);

/* It is out of the table; the memory is its own to free. */
void upload_file_gone(struct upload *u, struct upload_file *f);

#endif

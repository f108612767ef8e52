/*
 * resource_file - the resources that a file of an administrator holds: YAML documents, or JSON
 * (an object, or an array of them). All are checked; one mistake and there are none.
 */
#ifndef TCTL_RESOURCE_FILE_H
#define TCTL_RESOURCE_FILE_H

#include "base/strlist.h"

#include "proto/resource.pb.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

struct resource_file {
	pv_Resource *items;
	int *lines; /* where each begins; 0 = unknown */
	size_t count;
	struct strlist notes; /* what has no effect: a line for each resource concerned */
};

/* `name` is for messages, which begin with "NAME:LINE: ". `accept_unenforced`: what would restrict
 * access and is not enforced is noted too, and no mistake. ERR_INVALID, ERR_UNSUPPORTED,
 * ERR_LIMIT, ERR_NOMEM. */
int resource_file_parse(const char *name, const void *text, size_t len, bool accept_unenforced,
                        struct resource_file *out, struct err *err);

/* The same of the content of a file, "-" being standard input. */
int resource_file_read(const char *file, bool accept_unenforced, struct resource_file *out,
                       struct err *err);
void resource_file_deinit(struct resource_file *f);

#endif

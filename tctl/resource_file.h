/*
 * resource_file - the resources that a file of an administrator holds: YAML documents, or JSON
 * (an object, or an array of them). All are checked; one mistake and there are none.
 */
#ifndef TCTL_RESOURCE_FILE_H
#define TCTL_RESOURCE_FILE_H

#include "proto/resource.pb.h"

#include <stddef.h>

struct err;

struct resource_file {
	pv_Resource *items;
	size_t count;
};

/* `name` is for messages, which begin with "NAME:LINE: ". ERR_INVALID, ERR_UNSUPPORTED,
 * ERR_LIMIT, ERR_NOMEM. */
int resource_file_parse(const char *name, const void *text, size_t len, struct resource_file *out,
                        struct err *err);
void resource_file_deinit(struct resource_file *f);

#endif

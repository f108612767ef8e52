/*
 * status - Kubernetes' own form of an outcome (metav1.Status), which kubectl prints well: written
 * for what kubeproxyd refuses, read where the API server tells how a command ended.
 */
#ifndef KUBEPROXYD_REQUEST_STATUS_H
#define KUBEPROXYD_REQUEST_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

/* The HTTP status for an error of ours: 403 for ERR_DENIED, 503 for ERR_UNAVAILABLE, ...
 * 502 for ERR_CORRUPT: the API server made no sense. */
int status_of_err(const struct err *err);

/* Appends {"kind":"Status",...,"status":"Failure"} with the reason that belongs to the code
 * ("Forbidden" for 403). Failure is sticky in the buffer. */
void status_append(struct buf *out, int code, const char *message);

/* An answer that was read. */
struct status {
	bool success;
	int code;          /* 0: not said */
	char reason[64];   /* "NonZeroExitCode"; "" */
	char message[512]; /* cut when longer */
	int exit_code;     /* of a command that ended: details.causes with reason ExitCode; -1 */
};

#define STATUS_SIZE_MAX (64u * 1024)

/* ERR_INVALID: no Status, or longer than STATUS_SIZE_MAX. */
int status_read(struct status *out, const void *text, size_t len, struct err *err);

#endif

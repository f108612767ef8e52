/*
 * fetch - a session's recording from authd into a file without a name.
 */
#ifndef TSH_FETCH_H
#define TSH_FETCH_H

#include <stdbool.h>

struct api;
struct err;
struct fetch;

/* Runs the loop until all that authd has is there; *out_fd is the caller's. */
int fetch_recording(struct api *a, const char *sid, int *out_fd, struct err *err);

/* What comes behind that, as the session goes on: the file of `fd` (borrowed) grows while the loop
 * runs. The file is at its end. */
int fetch_follow(struct api *a, const char *sid, int fd, struct fetch **out, struct err *err);

/* Nothing more comes. ERR_: not because the recording is complete. */
bool fetch_done(const struct fetch *f, struct err *err);

/* Ends it; runs the loop for that. NULL allowed. */
void fetch_free(struct fetch *f);

#endif

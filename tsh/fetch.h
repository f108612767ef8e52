/*
 * fetch - a session's recording from authd into a file without a name.
 */
#ifndef TSH_FETCH_H
#define TSH_FETCH_H

struct api;
struct err;

/* Runs the loop until all that authd has is there; *out_fd is the caller's. */
int fetch_recording(struct api *a, const char *sid, int *out_fd, struct err *err);

#endif

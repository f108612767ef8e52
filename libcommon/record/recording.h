/*
 * recording - reads a recording's file from its beginning, frame by frame, also while it grows.
 */
#ifndef RECORD_RECORDING_H
#define RECORD_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/record.pb.h"

struct err;
struct frame_chain;
struct recording;

/* Takes over `take_fd`, a regular file that is read with pread(2) only, so its offset and
 * other readers do not matter. On failure the descriptor is closed too. */
int recording_open(struct recording **out, int take_fd, struct err *err);
void recording_close(struct recording *r);

/*
 * The next frame, borrowed until the next call; NULL: the file ends here for now (call again
 * when it has grown, unless recording_ended()). ERR_CORRUPT: what follows is no frame.
 */
int recording_next(struct recording *r, const pv_Frame **out_frame, struct err *err);

/* Whether the end frame was read. */
bool recording_ended(const struct recording *r);

/* Length of the good prefix read so far. */
uint64_t recording_good(const struct recording *r);

/* Where the chain stands behind the frames read so far. Borrowed. */
const struct frame_chain *recording_chain(const struct recording *r);

/* Starts again with the first frame. */
void recording_rewind(struct recording *r);

#endif

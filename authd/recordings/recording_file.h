/*
 * recording_file - one recording on authd's disk while its node streams it here.
 *
 * Everything here blocks: it is called in a thread of the pool, one call at a time per file.
 * The frames are checked as they come, so a file never holds anything but the beginning of one
 * good recording of one session of one node.
 */
#ifndef AUTHD_RECORDINGS_RECORDING_FILE_H
#define AUTHD_RECORDINGS_RECORDING_FILE_H

#include "crypto/key.h"
#include "record/frame.h"
#include "record/spool.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct err;

struct recording_file {
	int dir; /* borrowed */
	int fd;
	char sid[SPOOL_SID_SIZE];
	char node_id[SPOOL_SID_SIZE]; /* the only one that may write it */
	uint64_t size;                /* all of it is on the disk */
	struct frame_reader reader;
	bool was_signed; /* it was complete when it was opened */
};

#define RECORDING_SIGNATURE_NAME_SIZE 48

/* "<sid>.sig" */
char *recording_file_signature_name(char out[RECORDING_SIGNATURE_NAME_SIZE], const char *sid);

/* Opens or makes <sid>.rec and reads what is there; what a crash left behind its last good frame
 * is cut off. ERR_DENIED: it is another node's. `f` needs no release after a failure. */
int recording_file_open(struct recording_file *f, int dir, const char *sid, const char *node_id,
                        struct err *err);
void recording_file_close(struct recording_file *f);

/* Checks, appends and syncs. ERR_CORRUPT: not what follows; ERR_DENIED: its start names another
 * session or node; ERR_LIMIT: the disk is full. On failure the file is as it was before. */
int recording_file_append(struct recording_file *f, const void *data, size_t len, struct err *err);

bool recording_file_ended(const struct recording_file *f);

/*
 * Signs what the file holds: "postern-recording-v1" and a 0 byte, the session's id, then length
 * of the good prefix and number of frames as 64-bit big-endian numbers, and the last frame's
 * SHA-256. So it covers every byte before.
 */
int recording_file_sign(const struct recording_file *f, const struct key *key,
                        uint8_t out[KEY_SIGNATURE_MAX], size_t *out_len, struct err *err);

/* Keeps the signature of a recording that has ended beside it; the recording is complete then. */
int recording_file_complete(struct recording_file *f, const uint8_t *signature, size_t len,
                            struct err *err);

#endif

/*
 * join_frame - what a participant of a live session is told (proto/dial.proto, JoinFrame).
 */
#ifndef WIRE_JOIN_FRAME_H
#define WIRE_JOIN_FRAME_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define JOIN_FRAME_MAX 65536u

/* Each appends frames with their lengths; when memory runs out `out` says so (buf_check()). */
void join_frame_output(struct buf *out, const void *data, size_t len);
void join_frame_size(struct buf *out, unsigned columns, unsigned rows);
void join_frame_notice(struct buf *out, const char *user, const char *mode, bool joined);
void join_frame_end(struct buf *out, int exit_code, const char *reason);

#endif

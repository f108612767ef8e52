/*
 * cast - a recording as asciicast version 2 (docs.asciinema.org/manual/asciicast/v2): a
 * header line, then one event a line: "o" output, "r" resize, "m" who came and went.
 *
 * Characters that a frame's end cuts are held back for the next event; bytes that are no
 * UTF-8 become U+FFFD, since JSON has no place for them.
 */
#ifndef RECORD_CAST_H
#define RECORD_CAST_H

#include "base/buf.h"
#include "record/utf8.h"

#include "proto/record.pb.h"

/* { 0 } is the state before the start frame. */
struct cast {
	int64_t started; /* time of the start frame */
	int64_t last;    /* time of the last event */
	struct utf8 utf8;
};

void cast_frame(struct cast *c, const pv_Frame *f, struct buf *out);

/* An unfinished character. */
void cast_end(struct cast *c, struct buf *out);

#endif

/*
 * export - a recording as something that other programs read.
 *
 *   raw        the bytes that the terminal showed, nothing else
 *   text       these bytes as lines of plain text, see plain.h
 *   json       one JSON object per frame and line, bytes in base64, losing nothing
 *   asciicast  version 2 (docs.asciinema.org/manual/asciicast/v2): header, then events
 *
 * Frames go in one by one, so a recording of any length needs little memory and a live one
 * can be followed.
 */
#ifndef RECORD_EXPORT_H
#define RECORD_EXPORT_H

#include "base/buf.h"

#include "proto/record.pb.h"

struct err;
struct exporter;

enum export_format { EXPORT_RAW, EXPORT_TEXT, EXPORT_JSON, EXPORT_ASCIICAST, EXPORT_FORMATS };

/* NULL when memory runs out. */
struct exporter *export_new(enum export_format format);
void export_free(struct exporter *e);

/* Appends what `f` adds. Buffer failures stick in `out` (buf_check()). ERR_CORRUPT: the
 * first frame is no start. */
int export_frame(struct exporter *e, const pv_Frame *f, struct buf *out, struct err *err);

/* Appends what was held back (an unfinished line or character); once, after the last frame. */
int export_end(struct exporter *e, struct buf *out, struct err *err);

/* By name. ERR_INVALID names those that exist, and "pty", which is a matter of playing. */
int export_format_parse(const char *name, enum export_format *out, struct err *err);

#endif

/*
 * framing - messages on a stream: u32 length, big-endian, then protobuf.
 */
#ifndef WIRE_FRAMING_H
#define WIRE_FRAMING_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct fields_table;

int framing_append(const struct fields_table *t, const void *msg, size_t max, struct buf *out,
                   struct err *err);

/* Decodes the message at the front of `data`; *out_used = 0 with result 0: more is needed.
 * ERR_LIMIT: longer than max; ERR_CORRUPT. */
int framing_decode(const struct fields_table *t, const uint8_t *data, size_t len, size_t max,
                   void *out_msg, size_t *out_used, struct err *err);

#endif

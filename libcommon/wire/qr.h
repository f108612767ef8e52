/*
 * qr - text as a QR code (libqrencode): for a terminal, and as a picture for a page.
 */
#ifndef WIRE_QR_H
#define WIRE_QR_H

struct buf;
struct err;

/* Appends lines of UTF-8 block characters, dark on light, two rows of the code to a line, with
 * the quiet zone around it. ERR_LIMIT: too long; ERR_NOMEM. */
int qr_append_text(struct buf *out, const char *text, struct err *err);

/* Appends an <svg> element without script and style. The same errors. */
int qr_append_svg(struct buf *out, const char *text, struct err *err);

#endif

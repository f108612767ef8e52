/*
 * form - the fields of an HTML form (application/x-www-form-urlencoded), and text made safe to
 * stand in a page. Pure.
 */
#ifndef WIRE_FORM_H
#define WIRE_FORM_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* Appends the decoded value of the first field of that name. ERR_NOT_FOUND; ERR_INVALID: a broken
 * escape, or an escaped 0 byte. */
int form_get(const uint8_t *body, size_t len, const char *name, struct buf *out, struct err *err);

/* Appends text with what HTML would take as markup written as references. */
void form_append_html(struct buf *out, const char *text);

#endif

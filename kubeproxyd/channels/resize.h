/*
 * resize - sizes of a terminal as Kubernetes sends them: JSON objects {"Width":n,"Height":n}, one
 * after another, cut anywhere. Pure.
 */
#ifndef KUBEPROXYD_CHANNELS_RESIZE_H
#define KUBEPROXYD_CHANNELS_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESIZE_TEXT_MAX 128 /* of one object; a longer one is passed over */

struct resize {
	char text[RESIZE_TEXT_MAX]; /* of an object that is not whole yet */
	size_t len;
	bool skipping; /* it became too long */
	unsigned columns, rows;
};

/* Reads up to the end of one object; *out_used of the bytes. True: it was a size, which columns
 * and rows hold now. */
bool resize_read(struct resize *r, const uint8_t *data, size_t len, size_t *out_used);

#endif

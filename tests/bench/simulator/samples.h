/*
 * samples - measured values, and what one asks of them.
 */
#ifndef SIMULATOR_SAMPLES_H
#define SIMULATOR_SAMPLES_H

#include <stddef.h>

/* { 0 } is empty. */
struct samples {
	double *values;
	size_t count;
	size_t capacity;
};

void samples_add(struct samples *s, double value);
void samples_clear(struct samples *s);
void samples_deinit(struct samples *s);

/* The value that `share` (0 to 1) of all lie below; 0 of none. Sorts them. */
double samples_at(struct samples *s, double share);

#endif

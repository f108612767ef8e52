/*
 * skew - a clock that is wrong, named where it is the likely cause.
 */
#ifndef TSH_SKEW_H
#define TSH_SKEW_H

#include <stdint.h>

#define SKEW_WORTH_TELLING_MS 30000

/* "this machine's clock is 7m0s ahead of the cluster's" for two times read in the same moment;
 * "" when they agree well enough or server_ms is 0 (not known). Returns out. */
#define SKEW_TEXT_SIZE 96
char *skew_text(char out[SKEW_TEXT_SIZE], int64_t local_ms, int64_t server_ms);

#endif

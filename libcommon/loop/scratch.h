/*
 * scratch - room for bytes that are dealt with before the loop goes on: what a stream reads, what
 * TLS makes of it.
 *
 * A thread has two such rooms and lends them; who finds both taken (a loop that runs within a
 * callback) gets one from malloc(). So thousands of idle streams hold no buffer, and a busy one
 * neither asks malloc() for 64 KB each time nor makes it give them back to the kernel.
 */
#ifndef LOOP_SCRATCH_H
#define LOOP_SCRATCH_H

#include <stdint.h>

#define SCRATCH_SIZE (64u * 1024)

/* NULL when memory runs out. What is in it is anything. */
uint8_t *scratch_take(void);
void scratch_give_back(uint8_t *room); /* on the same thread; NULL allowed */

#endif

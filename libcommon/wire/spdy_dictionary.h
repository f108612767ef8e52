/*
 * spdy_dictionary - the bytes that both ends of SPDY/3 know before their first header block, as
 * section 2.6.10.1 of its draft has them: words, each behind its length, then a run of text.
 */
#ifndef WIRE_SPDY_DICTIONARY_H
#define WIRE_SPDY_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

#define SPDY_DICTIONARY_SIZE 1423

void spdy_dictionary(uint8_t out[SPDY_DICTIONARY_SIZE]);

#endif

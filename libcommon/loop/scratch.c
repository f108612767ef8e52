#include "loop/scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define ROOMS 2

static _Thread_local uint8_t rooms[ROOMS][SCRATCH_SIZE];
static _Thread_local bool taken[ROOMS];

uint8_t *scratch_take(void)
{
	for (size_t i = 0; i < ROOMS; i++) {
		if (taken[i])
			continue;
		taken[i] = true;
		return rooms[i];
	}
	return malloc(SCRATCH_SIZE);
}

void scratch_give_back(uint8_t *room)
{
	for (size_t i = 0; i < ROOMS; i++) {
		if (room != rooms[i])
			continue;
		taken[i] = false;
		return;
	}
	free(room);
}

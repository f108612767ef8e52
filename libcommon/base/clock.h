/*
 * clock - where code gets the time from, so that tests can hand in one of their own.
 *
 * Wall time (milliseconds since 1970, UTC) is for what others see: certificates,
 * records, events. Monotonic time is for waits; it never jumps.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(const struct clock *c);
	int64_t (*mono_ms)(const struct clock *c);
};

/* The machine's own. */
const struct clock *clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c);
}

static inline int64_t clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c);
}

/* A clock that stands still until a test moves it; { .wall = …, .mono = … }. */
struct clock_fake {
	struct clock clock; /* hand out &fake.clock */
	int64_t wall;
	int64_t mono;
};

void clock_fake_init(struct clock_fake *f, int64_t wall_ms);
void clock_fake_advance(struct clock_fake *f, int64_t ms);

#endif

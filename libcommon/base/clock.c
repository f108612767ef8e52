#include "base/clock.h"

#include "base/list.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
	static const struct clock system = { system_wall_ms, system_mono_ms };

	return &system;
}

static int64_t fake_wall_ms(const struct clock *c)
{
	return container_of(c, struct clock_fake, clock)->wall;
}

static int64_t fake_mono_ms(const struct clock *c)
{
	return container_of(c, struct clock_fake, clock)->mono;
}

void clock_fake_init(struct clock_fake *f, int64_t wall_ms)
{
	*f = (struct clock_fake){ { fake_wall_ms, fake_mono_ms }, wall_ms, 1 };
}

void clock_fake_advance(struct clock_fake *f, int64_t ms)
{
	f->wall += ms;
	f->mono += ms;
}

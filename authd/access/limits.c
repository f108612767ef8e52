#include "authd/access/limits.h"

#include "authd/core/authd.h"

#include "base/clock.h"
#include "base/rates.h"
#include "base/str.h"
#include "model/identity.h"

#include <stdio.h>

#define BURST_SECONDS 10

static int take(struct authd *a, const char *name, int64_t per_second, struct err *err)
{
	const struct rate rate = { per_second, per_second * BURST_SECONDS };

	return rates_take(a->rates, name, &rate, clock_mono_ms(a->clock), err);
}

int limits_take_address(struct authd *a, const char *addr, struct err *err)
{
	char name[256];

	snprintf(name, sizeof(name), "address %.*s", (int)str_host_len(addr), addr);
	return take(a, name, a->conf.anonymous_rate, err);
}

int limits_take(struct authd *a, const struct peer *peer, struct err *err)
{
	char name[256];

	switch (peer->kind) {
	case PEER_ADMIN:
		break;
	case PEER_USER:
		snprintf(name, sizeof(name), "user %s", peer->identity.user);
		return take(a, name, a->conf.user_rate, err);
	case PEER_HOST:
	case PEER_REMOTE:
		snprintf(name, sizeof(name), "host %s", peer->identity.host_id);
		return take(a, name, a->conf.host_rate, err);
	case PEER_ANONYMOUS:
		return limits_take_address(a, peer->addr, err);
	}
	return 0;
}

#include "authd/access/limits.h"

#include "authd/core/authd.h"

#include "base/clock.h"
#include "base/rates.h"
#include "base/str.h"
#include "model/identity.h"

#include <stdio.h>

#define BURST_SECONDS 10

int limits_take(struct authd *a, const struct peer *peer, struct err *err)
{
	struct rate rate = { 0 };
	char name[256];

	switch (peer->kind) {
	case PEER_ADMIN:
		return 0;
	case PEER_USER:
		snprintf(name, sizeof(name), "user %s", peer->identity.user);
		rate.per_second = a->conf.user_rate;
		break;
	case PEER_HOST:
	case PEER_REMOTE:
		snprintf(name, sizeof(name), "host %s", peer->identity.host_id);
		rate.per_second = a->conf.host_rate;
		break;
	case PEER_ANONYMOUS:
		snprintf(name, sizeof(name), "address %.*s", (int)str_host_len(peer->addr),
		         peer->addr);
		rate.per_second = a->conf.anonymous_rate;
		break;
	}
	rate.burst = rate.per_second * BURST_SECONDS;
	return rates_take(a->rates, name, &rate, clock_mono_ms(a->clock), err);
}

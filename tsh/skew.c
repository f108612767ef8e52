#include "tsh/skew.h"

#include "base/str.h"

#include <stdio.h>

char *skew_text(char out[SKEW_TEXT_SIZE], int64_t local_ms, int64_t server_ms)
{
	int64_t skew = local_ms - server_ms;
	int64_t size = skew < 0 ? -skew : skew;
	char text[STR_DURATION_SIZE];

	out[0] = 0;
	if (server_ms != 0 && size >= SKEW_WORTH_TELLING_MS)
		snprintf(out, SKEW_TEXT_SIZE, "this machine's clock is %s %s the cluster's",
		         str_from_duration(text, sizeof(text), size / 1000 * 1000),
		         skew > 0 ? "ahead of" : "behind");
	return out;
}

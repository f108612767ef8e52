#include "tctl/rotation_text.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* one that is not const */

static void an_authority_says_where_it_stands(void **state)
{
	const struct {
		pv_CertAuthoritySpec spec;
		const char *line;
	} rows[] = {
		{ { .type = TEXT("user") }, "User CA  keys of 1970-01-01T00:00:00Z\n" },
		{ { .type = TEXT("host"),
		    .rotation = { .phase = TEXT("init"), .mode = TEXT("manual") } },
		  "Host CA  keys of 1970-01-01T00:00:00Z, rotation in progress, phase init\n" },
		{ { .type = TEXT("host"),
		    .rotation = { .phase = TEXT("init"),
		                  .mode = TEXT("auto"),
		                  .has_schedule = true,
		                  .schedule = { .update_clients = 60000 } } },
		  "Host CA  keys of 1970-01-01T00:00:00Z, rotation in progress, phase init, "
		  "update_clients at 1970-01-01T00:01:00Z\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text;
		size_t len;
		FILE *to = open_memstream(&text, &len);

		rotation_text_authority(to, &rows[i].spec);
		fclose(to);
		assert_string_equal(text, rows[i].line);
		free(text);
	}
}

static void who_is_left_behind_is_named_and_steers_no_terminal(void **state)
{
	pv_Straggler two[] = {
		{ .hostname = TEXT("web-1"),
		  .host_id = TEXT("1"),
		  .system_role = TEXT("Node"),
		  .type = TEXT("host"),
		  .phase = TEXT("init") },
		{ .hostname = TEXT("w\x1b[2J"),
		  .host_id = TEXT("2"),
		  .system_role = TEXT("Proxy"),
		  .type = TEXT("host"),
		  .locked_out = true },
	};
	const pv_RotationStatus status = { .stragglers = two,
		                           .stragglers_count = 2,
		                           .straggler_count = 5 };
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	rotation_text_stragglers(to, &status);
	fclose(to);
	assert_string_equal(text,
	                    "  web-1 (Node 1): host authority, has reached init\n"
	                    "  w?[2J (Proxy 2): host authority, not heard of since the rotation "
	                    "began; locked out, must join anew\n"
	                    "  and 3 more\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_authority_says_where_it_stands),
		cmocka_unit_test(who_is_left_behind_is_named_and_steers_no_terminal),
	};

	return unit_run(tests);
}

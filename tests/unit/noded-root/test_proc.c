#include "noded/root/proc.h"

#include "tests/unit/unit.h"

#include <unistd.h>

static void a_programs_name_cannot_forge_its_parent(void **state)
{
	static const char plain[] =
	        "4711 (bash) S 12 4711 4711 34816 5 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
	        "987654 1 2";
	static const char forged[] =
	        "4711 (x) R 1 (y) S 12 4711 4711 34816 5 4194560 1 2 3 4 5 6 7 8 20 0 "
	        "1 0 987654 1 2";
	const char *const texts[] = { plain, forged };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pid_t parent = 0;
		uint64_t start = 0;

		assert_true(proc_parse_stat(texts[i], &parent, &start));
		assert_int_equal(parent, 12);
		assert_int_equal(start, 987654);
	}
}

static void what_is_cut_short_is_refused(void **state)
{
	static const char *const texts[] = { "",
		                             "4711",
		                             "4711 (bash",
		                             "4711 (bash)",
		                             "4711 (bash) S",
		                             "4711 (bash) S 12 1 2 3 4 5 6 7" };
	pid_t parent;
	uint64_t start;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(proc_parse_stat(texts[i], &parent, &start));
}

static void our_own_process_is_what_the_kernel_says(void **state)
{
	dev_t dev, parent_dev;
	ino_t ino;

	(void)state;
	assert_int_equal(proc_parent(getpid()), getppid());
	assert_true(proc_start(getpid()) > 0);
	assert_true(proc_program(getpid(), &dev, &ino));
	assert_int_equal(proc_start(-1), 0);
	assert_false(proc_program(-1, &parent_dev, &ino));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_programs_name_cannot_forge_its_parent),
		cmocka_unit_test(what_is_cut_short_is_refused),
		cmocka_unit_test(our_own_process_is_what_the_kernel_says),
	};

	return unit_run(tests);
}

#include "kubeproxyd/core/conf.h"

#include "tests/unit/man_page.h"

static void the_man_page_has_every_setting(void **state)
{
	(void)state;
	assert_man_page_has("docs/kubeproxyd.8", kubeproxyd_conf_keys());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_man_page_has_every_setting),
	};

	return unit_run(tests);
}

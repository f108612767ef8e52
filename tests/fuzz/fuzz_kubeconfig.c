/* Somebody's kubeconfig: our entry goes in and out again, and leaves theirs as they were. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "conf/value.h"
#include "wire/kubeconfig.h"

#include <assert.h>
#include <string.h>

static const struct kubeconfig_entry entry = {
	.name = "example-lab",
	.proxy = "proxy:3080",
	.server_name = "lab.kube.example",
	.authorities = "PEM",
	.program = "tsh",
};

static void write_text(const struct value *root, struct buf *out)
{
	struct err err;

	assert(kubeconfig_write(root, out, &err) == 0);
}

static void go_in_and_out(struct value *root)
{
	struct buf once = { 0 }, twice = { 0 };
	struct value *again;
	struct err err;

	assert(kubeconfig_use(root, entry.name, &err) == 0);
	write_text(root, &once);
	assert(kubeconfig_put(root, &entry, &err) == 0);
	write_text(root, &twice);
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	if (kubeconfig_read("fuzz", once.data, once.len, &again, &err) == 0) {
		assert(kubeconfig_put(again, &entry, &err) == 0); /* read back, it is still ours */
		value_free(again);
	}
	assert(kubeconfig_drop(root, entry.proxy, NULL, &err) == 0);
	assert(kubeconfig_use(root, entry.name, &err) != 0);
	buf_deinit(&once);
	buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct value *root;
	struct err err;

	if (kubeconfig_read("fuzz", data, size, &root, &err) != 0)
		return 0;
	if (kubeconfig_put(root, &entry, &err) == 0)
		go_in_and_out(root);
	value_free(root);
	return 0;
}

/* A target: whatever is taken is plain, and read again it is the same. */
#include "kubeproxyd/request/attributes.h"

#include "base/err.h"
#include "kubeproxyd/request/object.h"

#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *method, const char *target)
{
	struct role_kubernetes_object object;
	char value[ATTRIBUTE_SIZE];
	struct attributes a, again;
	struct err err;

	if (attributes_read(&a, method, target, &err) != 0)
		return;
	assert(a.path[0] == '/' && strstr(a.path, "/../") == NULL && strstr(a.path, "/./") == NULL);
	assert(a.resource || a.kind[0] == 0);
	assert(!attributes_is_channel(&a) || (a.resource && a.name[0] != 0));
	if (object_of(&a, &object))
		assert(object.kind[0] != 0 && object.verb[0] != 0);
	attributes_is_long(&a);
	attributes_query(target, "command", value, sizeof(value));
	assert(attributes_read(&again, method, target, &err) == 0);
	assert(memcmp(&a, &again, sizeof(a)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const methods[] = { "GET", "POST", "DELETE", "CONNECT" };
	char *target = strndup((const char *)data, size);

	for (size_t i = 0; target != NULL && i < sizeof(methods) / sizeof(methods[0]); i++)
		check(methods[i], target);
	free(target);
	return 0;
}

/* YAML text through conf; what is accepted must be released whole. */
#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "conf/conf.h"

struct sample {
	char *word;
	bool flag;
	int64_t ttl;
	int64_t size;
	struct conf_addr listen;
	struct conf_list list;
	struct conf_map labels;
	struct conf_blocks blocks;
};

static const struct conf_key block_keys[] = {
	{ "name", CONF_STRING, 0, .help = "", .required = true },
	{ 0 },
};

static const struct conf_key keys[] = {
	{ "word", CONF_STRING, offsetof(struct sample, word), "a" },
	{ "a.flag", CONF_BOOL, offsetof(struct sample, flag), "no" },
	{ "a.ttl", CONF_DURATION, offsetof(struct sample, ttl), "1h" },
	{ "size", CONF_SIZE, offsetof(struct sample, size), "1KB" },
	{ "listen", CONF_ADDR, offsetof(struct sample, listen), ":22", .min = 22 },
	{ "list", CONF_LIST, offsetof(struct sample, list), "[a]" },
	{ "labels", CONF_MAP, offsetof(struct sample, labels) },
	{ "blocks", CONF_BLOCKS, offsetof(struct sample, blocks), .blocks = block_keys,
	  .block_size = sizeof(char *) },
	{ 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample conf;
	struct err err;

	if (conf_parse(keys, "fuzz", (const char *)data, size, &conf, &err) == 0)
		conf_deinit(keys, &conf);
	return 0;
}

/*
 * replay - runs a fuzz target over a saved corpus, without a fuzzer, so that
 * `make check` keeps every input that once broke something.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1u << 20)

static int replay_file(const char *dir, const char *name)
{
	static uint8_t input[INPUT_MAX];
	char path[4096];
	FILE *f;
	size_t len;
	uint8_t *exact;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		return 1;
	}
	len = fread(input, 1, sizeof(input), f);
	fclose(f);
	exact = malloc(len > 0 ? len
	                       : 1); /* of the very size, so that a sanitizer sees overreads */
	if (exact == NULL)
		return 1;
	for (size_t i = 0; i < len; i++)
		exact[i] = input[i];
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	int failed = 0;
	int count = 0;
	DIR *dir;

	dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (dir == NULL) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER (one that exists)\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		failed |= replay_file(argv[1], entry->d_name);
		count++;
	}
	closedir(dir);
	printf("%d inputs\n", count);
	return failed || count == 0;
}

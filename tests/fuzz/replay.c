/* Runs a fuzz target over the files of the folders given, without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly its size, so that a sanitizer sees a read behind it. */
static int run_file(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data = malloc(1 << 20), *copy;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL || data == NULL) {
		perror(path);
		exit(1);
	}
	size_t size = fread(data, 1, 1 << 20, f);
	fclose(f);
	copy = realloc(data, size == 0 ? 1 : size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 1;
}

static int run_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int n = 0;

	if (dir == NULL) {
		perror(folder);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n += run_file(folder, entry->d_name);
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++)
		n += run_folder(argv[i]);
	printf("%d inputs\n", n);
	return n > 0 ? 0 : 1;
}

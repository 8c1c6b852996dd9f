/*
 * replay: runs a fuzz target over files and folders of inputs, without libFuzzer.
 * The last line says how many there were.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>

#define INPUT_MAX (1u << 20)

static unsigned count;

static void
run_file(const char *path)
{
	uint8_t *data = malloc(INPUT_MAX), *input;
	FILE *file = fopen(path, "rb");
	size_t n;

	HOLDS(file != NULL && data != NULL);
	n = fread(data, 1, INPUT_MAX, file);
	(void)fclose(file);
	/* Of just its size, so that ASan sees a byte too far. */
	input = malloc(n + (n == 0));
	HOLDS(input != NULL);
	memcpy(input, data, n);
	free(data);
	(void)fprintf(stderr, "%s\n", path);
	(void)LLVMFuzzerTestOneInput(input, n);
	free(input);
	count++;
}

static void
run_folder(DIR *folder, const char *path)
{
	const struct dirent *e;

	while ((e = readdir(folder)) != NULL) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		run_file(file);
	}
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);

		if (folder != NULL) {
			run_folder(folder, argv[i]);
			(void)closedir(folder);
		} else if (errno == ENOTDIR) {
			run_file(argv[i]);
		}
	}
	(void)printf("%s: %u inputs, all fine\n", argv[0], count);
	return 0;
}

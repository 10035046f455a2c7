// For LD_PRELOAD: lets system calls on files fail. $FAULT_FILE has a line "CALL SUFFIX" for each
// kind of failure: CALL is fsync or pwrite, and SUFFIX is the end of the file's path. The call
// then fails with EIO. The file may change while the process runs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int faulty(const char *call, int file) {
	FILE *faults = fopen(getenv("FAULT_FILE"), "r");
	if (!faults) return 0;
	char link[64], path[4097] = {0}, wanted[16], suffix[256];
	snprintf(link, sizeof link, "/proc/self/fd/%d", file);
	ssize_t length = readlink(link, path, sizeof path - 1);
	int found = 0;
	while (length > 0 && fscanf(faults, "%15s %255s", wanted, suffix) == 2) {
		size_t end = strlen(suffix);
		if (!strcmp(wanted, call) && end <= (size_t)length && !strcmp(path + length - end, suffix)) found = 1;
	}
	fclose(faults);
	if (found) errno = EIO;
	return found;
}

int fsync(int file) {
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	return faulty("fsync", file) ? -1 : real(file);
}

int fdatasync(int file) {
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return faulty("fsync", file) ? -1 : real(file);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
	ssize_t (*real)(int, const void *, size_t, off64_t) =
		(ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
	return faulty("pwrite", file) ? -1 : real(file, bytes, length, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
	return pwrite64(file, bytes, length, offset);
}

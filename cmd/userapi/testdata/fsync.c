// For LD_PRELOAD: appends the path of the file to $FSYNC_LOG after each fsync and fdatasync
// that succeeded. TestAnswersFollowFsync uses it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int synced(const char *function, int file) {
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, function);
	int result = real(file);
	char link[64], line[4097] = {0};
	snprintf(link, sizeof link, "/proc/self/fd/%d", file);
	ssize_t length = readlink(link, line, sizeof line - 1);
	int log = open(getenv("FSYNC_LOG"), O_WRONLY | O_APPEND);
	if (result == 0 && length > 0 && log >= 0) {
		line[length] = '\n';
		if (write(log, line, length + 1) < 0) abort();
	}
	if (log >= 0) close(log);
	return result;
}

int fsync(int file) { return synced("fsync", file); }
int fdatasync(int file) { return synced("fdatasync", file); }

/* A disk that hangs or refuses, for a process started with LD_PRELOAD.
 *
 * The file named by DISK_SHIM holds rules, one a line: OPERATION PART ACTION. A call is met by the first rule with its
 * operation (sync, write, look, rights) whose PART occurs in the path of its file. ACTION is hang (until the rule is gone),
 * ignore (nothing is done, success is answered; rights only) or the number of an error. Without the file, or a rule that fits, the call goes through. The file is replaced by rename. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { GO = 0, HANG = -1, IGNORE = -2 };

static int rule(const char *operation, const char *path)
{
    const char *name = getenv("DISK_SHIM");
    FILE *rules = name ? fopen(name, "re") : NULL;
    char found[16], part[256], action[16];
    int what = GO;

    if (!rules)
        return GO;
    while (what == GO && fscanf(rules, "%15s %255s %15s", found, part, action) == 3)
        if (!strcmp(found, operation) && strstr(path, part))
            what = !strcmp(action, "hang") ? HANG : !strcmp(action, "ignore") ? IGNORE : atoi(action);
    fclose(rules);
    return what;
}

/* 0 to go on, else the error to answer. */
static int meet_path(const char *operation, const char *path)
{
    const struct timespec pause = {0, 5 * 1000 * 1000};
    int what, before = errno;

    while ((what = rule(operation, path)) == HANG)
        nanosleep(&pause, NULL);
    errno = before;
    return what;
}

static int meet(const char *operation, int fd)
{
    char link[64], path[4096];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return meet_path(operation, path);
}

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

static int sync_file(const char *name, int fd)
{
    int error = meet("sync", fd);
    if (error) {
        errno = error;
        return -1;
    }
    return REAL(int (*)(int), name)(fd);
}

static ssize_t write_file(const char *name, int fd, const void *data, size_t length, off_t offset)
{
    int error = meet("write", fd);
    if (error) {
        errno = error;
        return -1;
    }
    return REAL(ssize_t (*)(int, const void *, size_t, off_t), name)(fd, data, length, offset);
}

int fsync(int fd)
{
    return sync_file("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_file("fdatasync", fd);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    return write_file("pwrite", fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset)
{
    return write_file("pwrite64", fd, data, length, offset);
}

/* What Rust's standard library calls for the metadata of a path; it asks with no path at all whether there is this call,
 * which the header's declaration forbids. */
int look(int directory, const char *path, int flags, unsigned mask, void *found) __asm__("statx");

int look(int directory, const char *path, int flags, unsigned mask, void *found)
{
    int error = path && *path ? meet_path("look", path) : 0;
    if (error) {
        errno = error;
        return -1;
    }
    return REAL(int (*)(int, const char *, int, unsigned, void *), "statx")(directory, path, flags, mask, found);
}

int chmod(const char *path, mode_t mode)
{
    int error = meet_path("rights", path);
    if (error == IGNORE)
        return 0;
    if (error) {
        errno = error;
        return -1;
    }
    return REAL(int (*)(const char *, mode_t), "chmod")(path, mode);
}

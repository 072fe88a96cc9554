/* Bad disks and wrong clocks for a running process (LD_PRELOAD), told by a text file that may change at any time.
 *
 * The file named by PACELINE_FAULTS has one `name=value` a line:
 *   under=PATH         only files below this folder (absolute, without symbolic links) are touched
 *   fsync_delay_ms=N   fsync, fdatasync and sync_file_range take N ms longer
 *   enospc=1           what writes, or makes a file larger, fails with ENOSPC
 *   erofs=1            what writes, opens for writing, renames or removes fails with EROFS
 *   eio=1              what writes or syncs fails with EIO
 *   eio_read=1         what reads fails with EIO
 *   clock_offset_s=N   the wall clock is N seconds off; the monotonic one is not
 * No file, no faults. Whoever changes it puts a new file in its place (rename), so that nobody reads half a change.
 * PACELINE_FAULTS_HITS names a file of 64 bytes in which is counted what was really done (see enum hit).
 *
 * The kernel is asked directly (syscall), so nothing here can call itself, take a lock of the C library or allocate:
 * an allocator may well look at the clock while it holds its own lock.
 *
 * Not seen: writes of the C library's own streams (fprintf), of io_uring, through mapped memory, and clocks that are
 * read without the C library.
 */
#define _GNU_SOURCE
/* Every name is defined once, with the 64-bit one beside it; headers must not rename them. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* What is counted, in this order, as 64-bit numbers. */
enum hit { HIT_WRITE, HIT_OPEN, HIT_SYNC, HIT_READ, HIT_CLOCK, HITS = 8 };

struct faults {
    char under[PATH_MAX];
    size_t under_len;
    long fsync_delay_ms, clock_offset_s;
    bool enospc, erofs, eio, eio_read;
    unsigned generation;
};

/* Changes are few; a slot is used again after 64 of them, when nobody can still read the old one. */
#define SLOTS 64
static struct faults slots[SLOTS];
static _Atomic(struct faults *) now = &slots[0];
static atomic_flag reloading = ATOMIC_FLAG_INIT;
/* Which control file was read last; guarded by `reloading`. */
static struct { ino_t ino; off_t size; struct timespec mtime; } seen;
static _Atomic(const char *) control;
static _Atomic(_Atomic uint64_t *) counters;
static atomic_bool ready;

static void count(enum hit hit) {
    _Atomic uint64_t *all = atomic_load(&counters);
    if (all) atomic_fetch_add(&all[hit], 1);
}

static void init(void) {
    if (atomic_load(&ready)) return;
    atomic_store(&control, getenv("PACELINE_FAULTS"));
    const char *hits = getenv("PACELINE_FAULTS_HITS");
    if (hits && !atomic_load(&counters)) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, hits, O_RDWR | O_CLOEXEC, 0);
        if (fd >= 0) {
            void *at = mmap(NULL, HITS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (at != MAP_FAILED) atomic_store(&counters, at);
            syscall(SYS_close, fd);
        }
    }
    atomic_store(&ready, true);
}

static void set(struct faults *to, const char *name, const char *value) {
    if (!strcmp(name, "under")) {
        snprintf(to->under, sizeof to->under, "%s", value);
        to->under_len = strlen(to->under);
        while (to->under_len > 1 && to->under[to->under_len - 1] == '/') to->under[--to->under_len] = 0;
    }
    long number = strtol(value, NULL, 10);
    if (!strcmp(name, "fsync_delay_ms")) to->fsync_delay_ms = number;
    if (!strcmp(name, "clock_offset_s")) to->clock_offset_s = number;
    if (!strcmp(name, "enospc")) to->enospc = number != 0;
    if (!strcmp(name, "erofs")) to->erofs = number != 0;
    if (!strcmp(name, "eio")) to->eio = number != 0;
    if (!strcmp(name, "eio_read")) to->eio_read = number != 0;
}

static void parse(struct faults *to, const char *path) {
    static char text[PATH_MAX + 512]; /* guarded by `reloading` */
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    ssize_t got = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    text[got > 0 ? got : 0] = 0;
    for (char *line = text; line && *line;) {
        char *next = strchr(line, '\n'), *value;
        if (next) *next++ = 0;
        if ((value = strchr(line, '='))) {
            *value++ = 0;
            set(to, line, value);
        }
        line = next;
    }
}

/* The faults of this moment. While somebody else reads a change, the ones before it. */
static const struct faults *faults(void) {
    int before = errno;
    init();
    const char *path = atomic_load(&control);
    if (path && !atomic_flag_test_and_set(&reloading)) {
        struct stat st;
        memset(&st, 0, sizeof st);
        stat(path, &st); /* gone: all zero, which is a change too */
        if (st.st_ino != seen.ino || st.st_size != seen.size || st.st_mtim.tv_sec != seen.mtime.tv_sec ||
            st.st_mtim.tv_nsec != seen.mtime.tv_nsec) {
            unsigned generation = atomic_load(&now)->generation + 1;
            struct faults *fresh = &slots[generation % SLOTS];
            memset(fresh, 0, sizeof *fresh);
            fresh->generation = generation;
            if (st.st_ino) parse(fresh, path);
            seen.ino = st.st_ino;
            seen.size = st.st_size;
            seen.mtime = st.st_mtim;
            atomic_store(&now, fresh);
        }
        atomic_flag_clear(&reloading);
    }
    errno = before;
    return atomic_load(&now);
}

/* ---- whose file is it ---- */

static bool is_under(const struct faults *f, const char *path) {
    if (!f->under_len || strncmp(path, f->under, f->under_len)) return false;
    char after = path[f->under_len];
    return after == 0 || after == '/' || f->under[f->under_len - 1] == '/';
}

static bool link_target(const char *link, char *to, size_t room) {
    ssize_t got = syscall(SYS_readlinkat, AT_FDCWD, link, to, room - 1);
    to[got > 0 ? got : 0] = 0;
    return got > 0;
}

/* What was found out of a descriptor: a mixture of the file's identity, the generation and the answer in the lowest
 * bit. Another file on the same number has another identity, so closing and duplicating need no attention. */
#define KNOWN 65536
static _Atomic uint64_t known[KNOWN];

static bool fd_is_under(const struct faults *f, int fd) {
    struct stat st;
    if (!f->under_len || fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) return false;
    uint64_t key = (uint64_t)st.st_ino * 0x9E3779B97F4A7C15u ^ (uint64_t)st.st_dev * 0xC2B2AE3D27D4EB4Fu;
    key = (key ^ f->generation * 0x165667B19E3779F9u) & ~(uint64_t)1;
    if (fd < KNOWN) {
        uint64_t found = atomic_load(&known[fd]);
        if ((found & ~(uint64_t)1) == key) return found & 1;
    }
    char link[64], target[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    bool under = link_target(link, target, sizeof target) && is_under(f, target);
    if (fd < KNOWN) atomic_store(&known[fd], key | under);
    return under;
}

/* Takes `.`, `..` and doubled slashes out of an absolute path, in place. */
static void flatten(char *path) {
    char *to = path, *from = path;
    while (*from) {
        while (*from == '/') from++;
        size_t length = strcspn(from, "/");
        if (length == 2 && from[0] == '.' && from[1] == '.') {
            while (to > path && *--to != '/') {}
        } else if (length && !(length == 1 && from[0] == '.')) {
            *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from += length;
    }
    *to = 0;
}

static bool path_is_under(const struct faults *f, int dir, const char *path) {
    if (!f->under_len || !path) return false;
    char whole[2 * PATH_MAX], link[64];
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        snprintf(link, sizeof link, "/proc/self/%s", "cwd");
        if (dir != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        char base[PATH_MAX];
        if (!link_target(link, base, sizeof base)) return false;
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    }
    flatten(whole);
    return is_under(f, whole);
}

/* ---- what fails ---- */

/* The error of a write to `fd`, or 0. */
static int write_error(int fd) {
    const struct faults *f = faults();
    int error = f->eio ? EIO : f->erofs ? EROFS : f->enospc ? ENOSPC : 0;
    if (!error) return 0;
    int before = errno;
    bool hit = fd_is_under(f, fd);
    errno = before;
    if (hit) count(HIT_WRITE);
    return hit ? error : 0;
}

/* The error of a change to a path (open for writing, rename, remove), or 0. */
static int change_error(int dir, const char *path) {
    const struct faults *f = faults();
    if (!f->erofs || !path_is_under(f, dir, path)) return 0;
    count(HIT_OPEN);
    return EROFS;
}

static int read_error(int fd) {
    const struct faults *f = faults();
    if (!f->eio_read || !fd_is_under(f, fd)) return 0;
    count(HIT_READ);
    return EIO;
}

/* Waits as a slow disk does; then the error of a sync, or 0. */
static int sync_error(int fd) {
    const struct faults *f = faults();
    if ((!f->fsync_delay_ms && !f->eio) || !fd_is_under(f, fd)) return 0;
    count(HIT_SYNC);
    struct timespec left = {f->fsync_delay_ms / 1000, f->fsync_delay_ms % 1000 * 1000000};
    bool fails = f->eio;
    while (syscall(SYS_nanosleep, &left, &left) && errno == EINTR) {}
    return fails ? EIO : 0;
}

#define FAIL_IF(expression)                                                                                            \
    do {                                                                                                               \
        int error = (expression);                                                                                      \
        if (error) {                                                                                                   \
            errno = error;                                                                                             \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* ---- open ---- */

static int do_open(int dir, const char *path, int flags, mode_t mode) {
    bool changes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
    /* Also where nothing is written yet: a file cannot be made on a disk that is read-only. */
    if (!changes && flags & O_CREAT) changes = syscall(SYS_faccessat, dir, path, F_OK) != 0;
    if (changes) FAIL_IF(change_error(dir, path));
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE_OF(flags)                                                                                                 \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                                                     \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

EXPORT int open(const char *path, int flags, ...) { MODE_OF(flags) return do_open(AT_FDCWD, path, flags, mode); }
EXPORT int open64(const char *path, int flags, ...) { MODE_OF(flags) return do_open(AT_FDCWD, path, flags, mode); }
EXPORT int openat(int dir, const char *path, int flags, ...) { MODE_OF(flags) return do_open(dir, path, flags, mode); }
EXPORT int openat64(int dir, const char *path, int flags, ...) { MODE_OF(flags) return do_open(dir, path, flags, mode); }
/* What `open` becomes in programs built with -D_FORTIFY_SOURCE. */
EXPORT int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
EXPORT int __openat_2(int dir, const char *path, int flags) { return do_open(dir, path, flags, 0); }
EXPORT int __openat64_2(int dir, const char *path, int flags) { return do_open(dir, path, flags, 0); }
EXPORT int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
EXPORT int creat64(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* ---- write ---- */

/* The kernel takes offsets of vectors as two halves; on 64 bits the upper one is ignored. */
#define HALVES(at) (long)(at), 0L

EXPORT ssize_t write(int fd, const void *data, size_t n) {
    FAIL_IF(write_error(fd));
    return syscall(SYS_write, fd, data, n);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int n) {
    FAIL_IF(write_error(fd));
    return syscall(SYS_writev, fd, parts, n);
}

#define PWRITE(name, offset)                                                                                           \
    EXPORT ssize_t name(int fd, const void *data, size_t n, offset at) {                                               \
        FAIL_IF(write_error(fd));                                                                                      \
        return syscall(SYS_pwrite64, fd, data, n, at);                                                                 \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, offset)                                                                                          \
    EXPORT ssize_t name(int fd, const struct iovec *parts, int n, offset at) {                                         \
        FAIL_IF(write_error(fd));                                                                                      \
        return syscall(SYS_pwritev, fd, parts, n, HALVES(at));                                                         \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define PWRITEV2(name, offset)                                                                                         \
    EXPORT ssize_t name(int fd, const struct iovec *parts, int n, offset at, int flags) {                              \
        FAIL_IF(write_error(fd));                                                                                      \
        return syscall(SYS_pwritev2, fd, parts, n, HALVES(at), flags);                                                 \
    }
PWRITEV2(pwritev2, off_t)
PWRITEV2(pwritev64v2, off64_t)

EXPORT ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags) {
    FAIL_IF(write_error(out));
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
}

#define SENDFILE(name, offset)                                                                                         \
    EXPORT ssize_t name(int out, int in, offset *at, size_t n) {                                                       \
        FAIL_IF(write_error(out));                                                                                     \
        return syscall(SYS_sendfile, out, in, at, n);                                                                  \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

/* A full disk lets a file become shorter. */
static int do_ftruncate(int fd, off64_t length) {
    const struct faults *f = faults();
    struct stat st;
    bool shorter = !fstat(fd, &st) && length <= st.st_size;
    if (f->eio || f->erofs || !shorter) FAIL_IF(write_error(fd));
    return (int)syscall(SYS_ftruncate, fd, length);
}

EXPORT int ftruncate(int fd, off_t length) { return do_ftruncate(fd, length); }
EXPORT int ftruncate64(int fd, off64_t length) { return do_ftruncate(fd, length); }

#define FALLOCATE(name, offset)                                                                                        \
    EXPORT int name(int fd, int mode, offset at, offset length) {                                                      \
        FAIL_IF(write_error(fd));                                                                                      \
        return (int)syscall(SYS_fallocate, fd, mode, at, length);                                                      \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

/* The POSIX form answers the error itself. */
#define POSIX_FALLOCATE(name, offset)                                                                                  \
    EXPORT int name(int fd, offset at, offset length) {                                                                \
        int error = write_error(fd), before = errno;                                                                   \
        if (!error && syscall(SYS_fallocate, fd, 0, at, length)) error = errno;                                        \
        errno = before;                                                                                                \
        return error;                                                                                                  \
    }
POSIX_FALLOCATE(posix_fallocate, off_t)
POSIX_FALLOCATE(posix_fallocate64, off64_t)

/* ---- names ---- */

EXPORT int unlink(const char *path) {
    FAIL_IF(change_error(AT_FDCWD, path));
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

EXPORT int unlinkat(int dir, const char *path, int flags) {
    FAIL_IF(change_error(dir, path));
    return (int)syscall(SYS_unlinkat, dir, path, flags);
}

EXPORT int rename(const char *from, const char *to) {
    FAIL_IF(change_error(AT_FDCWD, from));
    FAIL_IF(change_error(AT_FDCWD, to));
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int mkdir(const char *path, mode_t mode) {
    FAIL_IF(change_error(AT_FDCWD, path));
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* ---- read ---- */

EXPORT ssize_t read(int fd, void *data, size_t n) {
    FAIL_IF(read_error(fd));
    return syscall(SYS_read, fd, data, n);
}

#define PREAD(name, offset)                                                                                            \
    EXPORT ssize_t name(int fd, void *data, size_t n, offset at) {                                                     \
        FAIL_IF(read_error(fd));                                                                                       \
        return syscall(SYS_pread64, fd, data, n, at);                                                                  \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

/* ---- sync ---- */

EXPORT int fsync(int fd) {
    FAIL_IF(sync_error(fd));
    return (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd) {
    FAIL_IF(sync_error(fd));
    return (int)syscall(SYS_fdatasync, fd);
}

EXPORT int sync_file_range(int fd, off64_t at, off64_t n, unsigned flags) {
    FAIL_IF(sync_error(fd));
    return (int)syscall(SYS_sync_file_range, fd, at, n, flags);
}

/* ---- clocks ---- */

static long shift(void) {
    long by = faults()->clock_offset_s;
    if (by) count(HIT_CLOCK);
    return by;
}

static bool is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

EXPORT int clock_gettime(clockid_t clock, struct timespec *to) {
    int result = (int)syscall(SYS_clock_gettime, clock, to);
    if (!result && is_wall(clock)) to->tv_sec += shift();
    return result;
}

EXPORT int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    int result = (int)syscall(SYS_gettimeofday, to, zone);
    if (!result) to->tv_sec += shift();
    return result;
}

EXPORT time_t time(time_t *to) {
    struct timespec at = {0, 0};
    clock_gettime(CLOCK_REALTIME, &at);
    if (to) *to = at.tv_sec;
    return at.tv_sec;
}

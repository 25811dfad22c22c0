/* unsynced.c: a layer below the database that forgets what was never synced, slows syncs down, counts them, and breaks them.
 *
 * Killing a process does not lose its page cache, so a test that only kills can never see a missing fsync. This library is put
 * under a process with LD_PRELOAD and keeps, beside the real files, a second directory that holds only what a power cut would
 * have left: bytes once their file was synced, names once their directory was. Kill the process, open that second directory.
 *
 *   OFFHOOK_SHIM_DIR        the directory watched; without it the library does nothing
 *   OFFHOOK_SHIM_DURABLE    where the survivors go: absent or empty at start, on any disk; what DIR holds at start survives.
 *                           `DURABLE.shim` beside it is the library's own store (names are hard links into it)
 *   OFFHOOK_SHIM_DELAY_US   added to every fsync and fdatasync below DIR
 *   OFFHOOK_SHIM_COUNT      a file of four native u64 that are added to: syncs of files, those of `*-wal` among them, syncs of directories,
 *                           syncs that failed on purpose
 *   OFFHOOK_SHIM_FAIL_AFTER after so many syncs every further one fails with EIO
 *   OFFHOOK_SHIM_FAIL_FILE  while this file exists every sync fails with EIO
 *   OFFHOOK_SHIM_LIE_FILE   while this file exists every sync says that it worked and keeps nothing: what a program would leave
 *                           that never syncs
 *   OFFHOOK_SHIM_LATE_FILE  while this file exists a sync says that it worked, and what it should keep is kept by the next one: what
 *                           a program would leave that answers before its sync is through
 *   OFFHOOK_SHIM_STALL_FILE while this file exists no sync returns
 *   OFFHOOK_SHIM_FULL_FILE  while this file exists every write below DIR fails with ENOSPC
 *
 * The rules are the strict ones of POSIX, not the kinder ones of one file system:
 *   - fsync of a file keeps its bytes and its length, as of the call, and not its name;
 *   - fsync of a directory keeps its names as they are then: new ones, renamed ones, and the absence of removed ones. A new
 *     directory is such a name: it, and all below it, survives only after its parent was synced;
 *   - a sync that fails loses the bytes for good, as Linux does: a second fsync that succeeds brings nothing back;
 *   - a file opened with O_SYNC or O_DSYNC is synced by each write.
 *
 * It sees calls that go through libc: SQLite and Rust's std do, while rustix and io_uring speak to the kernel directly, and what
 * they write or sync counts as never synced. Not modelled: writing through mmap (SQLite's `-shm` need not survive), sync(),
 * syncfs(), sync_file_range(), splice(), pwritev(), stdio, renaming a directory, a pwrite on O_APPEND. One process owns a DURABLE;
 * set the variables on that process alone, not on a shell around it: another one that writes below DIR is stopped with a message.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* A change that no sync has covered yet; `length` < 0 means that the file was cut or grown to `from`. */
struct change {
    struct change *next;
    uint64_t when;
    off_t from;
    ssize_t length;
    char bytes[];
};

/* A file below DIR, known by its inode, so that it does not matter through which descriptor or name it is reached. */
struct file {
    struct file *next;
    dev_t device;
    ino_t inode;
    uint64_t id; /* its bytes as they would survive are in DURABLE.shim/file-<id> */
    uint64_t promised; /* what the last sync covered, and only the next one keeps */
    struct change *first, **last;
};

enum { SYNCS, WAL_SYNCS, DIRECTORY_SYNCS, FAILED_SYNCS, COUNTERS };

static char watched[PATH_MAX], durable[PATH_MAX], store[PATH_MAX + 8];
static const char *fail_file, *lie_file, *late_file, *stall_file, *full_file;
static long delay_us, fail_after = -1;
static bool owner;
static uint64_t own_counters[COUNTERS], *counters = own_counters;
static struct file *files[256];
static uint64_t epoch = 1, last_id;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The libc function that this library stands in front of. */
#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })

/* On 64-bit Linux the calls named …64 are the plain ones. */
_Static_assert(sizeof(off_t) == sizeof(off64_t), "needs a 64-bit off_t");
#define ALIAS(of, name) __typeof__(of) name __attribute__((alias(#of)))

static void die(const char *what, const char *which) {
    dprintf(2, "unsynced: %s: %s\n", what, which);
    _exit(97);
}

static void join(char *into, const char *directory, const char *name) {
    if (snprintf(into, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX) die("path too long", name);
}

static bool below(const char *path) {
    size_t length = strlen(watched);
    return length && !strncmp(path, watched, length) && (path[length] == '/' || !path[length]);
}

static bool path_of(int fd, char *path) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    return path[length < 0 ? 0 : length] = 0, length > 0;
}

/* Where the store has the bytes of a file; or a directory that was synced before its own name was, until its parent is. */
static void stored_place(char *into, const char *kind, uint64_t which) {
    if (snprintf(into, PATH_MAX, "%s/%s%lu", store, kind, which) >= PATH_MAX) die("path too long", store);
}

static int open_stored(const struct file *file) {
    char path[PATH_MAX];
    stored_place(path, "file-", file->id);
    int fd = REAL(open)(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) die("cannot open the stored copy", path);
    return fd;
}

static struct file **slot(dev_t device, ino_t inode) {
    struct file **at = &files[(inode ^ device) % 256];
    while (*at && ((*at)->inode != inode || (*at)->device != device)) at = &(*at)->next;
    return at;
}

static struct file *know(const struct stat *status) {
    struct file **at = slot(status->st_dev, status->st_ino);
    if (*at) return *at;
    struct file *file = calloc(1, sizeof *file);
    file->device = status->st_dev, file->inode = status->st_ino, file->id = ++last_id, file->last = &file->first;
    close(open_stored(file));
    return *at = file;
}

static void drop_changes(struct file *file, uint64_t until) {
    for (struct change *change; (change = file->first) && change->when <= until; free(change))
        if (!(file->first = change->next)) file->last = &file->first;
}

static void forget(dev_t device, ino_t inode) {
    struct file **at = slot(device, inode), *gone = *at;
    if (!gone) return;
    *at = gone->next;
    drop_changes(gone, UINT64_MAX);
    free(gone);
}

static void keep_changes(struct file *file, uint64_t until) {
    if (!file->first || file->first->when > until) return;
    int fd = open_stored(file);
    for (struct change *change = file->first; change && change->when <= until; change = change->next) {
        bool kept = change->length < 0 ? !REAL(ftruncate)(fd, change->from)
                                       : REAL(pwrite)(fd, change->bytes, change->length, change->from) == change->length;
        if (!kept) die("cannot write the stored copy", strerror(errno));
    }
    close(fd);
    drop_changes(file, until);
}

static void note(struct file *file, off_t from, ssize_t length, const struct iovec *parts) {
    struct change *change = malloc(sizeof *change + (length < 0 ? 0 : length));
    change->next = NULL, change->when = epoch, change->from = from, change->length = length;
    for (ssize_t at = 0; at < length; parts++) {
        size_t part = parts->iov_len < (size_t)(length - at) ? parts->iov_len : (size_t)(length - at);
        memcpy(change->bytes + at, parts->iov_base, part);
        at += part;
    }
    *file->last = change, file->last = &change->next;
}

static int gone(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status, (void)kind, (void)where;
    return REAL(remove)(path);
}

/* Makes `shadow` name what `real` names now. With `whole`, bytes and inner directories are taken as they are too. */
static void mirror(const char *real, const char *shadow, bool whole) {
    char from[PATH_MAX], to[PATH_MAX], stored[PATH_MAX], fresh[PATH_MAX];
    struct stat status, other;
    mkdir(shadow, 0755);
    DIR *directory = opendir(real);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        join(from, real, entry->d_name), join(to, shadow, entry->d_name);
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || lstat(from, &status)) continue;
        if (S_ISDIR(status.st_mode)) {
            stored_place(stored, "directory-", status.st_ino);
            if (whole) mirror(from, to, true);
            else if (lstat(to, &other) && REAL(rename)(stored, to)) mkdir(to, 0755);
        } else if (S_ISREG(status.st_mode)) {
            struct file *file = know(&status);
            if (whole) {
                char buffer[65536];
                int in = REAL(open)(from, O_RDONLY | O_CLOEXEC), out = open_stored(file);
                for (ssize_t got; (got = read(in, buffer, sizeof buffer)) > 0;)
                    if (REAL(write)(out, buffer, got) != got) die("cannot copy", from);
                close(in), close(out);
            }
            stored_place(stored, "file-", file->id), join(fresh, store, "fresh");
            if (stat(stored, &status)) die("the stored copy is gone", from);
            if (!lstat(to, &other) && other.st_ino == status.st_ino) continue;
            if (link(stored, fresh) || REAL(rename)(fresh, to)) die("cannot link", to);
        }
    }
    if (directory) closedir(directory);
    if (whole || !(directory = opendir(shadow))) return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        join(from, real, entry->d_name), join(to, shadow, entry->d_name);
        if (lstat(from, &status) && errno == ENOENT) nftw(to, gone, 8, FTW_DEPTH | FTW_PHYS);
    }
    closedir(directory);
}

static void keep_names(const char *path, ino_t inode) {
    char shadow[PATH_MAX];
    struct stat status;
    join(shadow, durable, path[strlen(watched)] ? path + strlen(watched) + 1 : ".");
    if (path[strlen(watched)] && stat(shadow, &status)) stored_place(shadow, "directory-", inode);
    mirror(path, shadow, false);
}

__attribute__((constructor)) static void start(void) {
    const char *setting = getenv("OFFHOOK_SHIM_DIR");
    char parent[PATH_MAX], *name;
    if (!setting || !*setting) return;
    if (!realpath(setting, watched)) { /* not made yet: its parent's true name, then its own */
        snprintf(parent, sizeof parent, "%s", setting);
        if (!(name = strrchr(parent, '/'))) die("must be an absolute path", setting);
        *name = 0;
        if (!realpath(*parent ? parent : "/", durable)) die("no such place", setting);
        join(watched, durable, name + 1);
        *durable = 0;
    }
    if ((setting = getenv("OFFHOOK_SHIM_DELAY_US"))) delay_us = atol(setting);
    if ((setting = getenv("OFFHOOK_SHIM_FAIL_AFTER"))) fail_after = atol(setting);
    fail_file = getenv("OFFHOOK_SHIM_FAIL_FILE"), lie_file = getenv("OFFHOOK_SHIM_LIE_FILE");
    late_file = getenv("OFFHOOK_SHIM_LATE_FILE");
    stall_file = getenv("OFFHOOK_SHIM_STALL_FILE"), full_file = getenv("OFFHOOK_SHIM_FULL_FILE");
    if ((setting = getenv("OFFHOOK_SHIM_COUNT"))) {
        int fd = REAL(open)(setting, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0 || REAL(ftruncate)(fd, sizeof own_counters)) die("cannot make the count file", setting);
        counters = mmap(NULL, sizeof own_counters, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (counters == MAP_FAILED) die("cannot map the count file", setting);
        close(fd);
    }
    if ((setting = getenv("OFFHOOK_SHIM_DURABLE")) && *setting) {
        snprintf(durable, sizeof durable, "%s", setting), snprintf(store, sizeof store, "%s.shim", setting);
        owner = !mkdir(store, 0755);
        if (!owner && errno != EEXIST) die("cannot make the store", store);
        if (owner) rmdir(durable); /* fails where it is not empty, and then so does the next */
        if (owner && mkdir(durable, 0755)) die("OFFHOOK_SHIM_DURABLE must be absent or empty", durable);
        if (owner) mirror(watched, durable, true);
    }
}

static bool disk_full(int fd) {
    char path[PATH_MAX];
    struct stat status;
    if (!full_file || access(full_file, F_OK) || fstat(fd, &status) || !S_ISREG(status.st_mode)) return false;
    return path_of(fd, path) && below(path);
}

/* The file behind `fd` where its changes must be remembered, with the lock taken; else NULL. */
static struct file *begin(int fd) {
    struct stat status;
    char path[PATH_MAX];
    int before = errno;
    if (!*durable || fstat(fd, &status) || !S_ISREG(status.st_mode) || !status.st_nlink) { errno = before; return NULL; }
    pthread_mutex_lock(&lock);
    struct file *file = *slot(status.st_dev, status.st_ino);
    if (!file && path_of(fd, path) && below(path)) {
        if (!owner) die("a second process writes here, or an old DURABLE.shim was left", path);
        file = know(&status);
    }
    if (!file) pthread_mutex_unlock(&lock);
    errno = before;
    return file;
}

static void end(struct file *file, int fd, bool changed) {
    int before = errno;
    if (changed && (fcntl(fd, F_GETFL) & O_DSYNC)) keep_changes(file, epoch);
    pthread_mutex_unlock(&lock);
    errno = before;
}

/* Runs a write; `from` < 0 means at the descriptor's own position, which stands behind what was written afterwards. */
#define WRITE(call, fd, from, parts)                                            \
    if (disk_full(fd)) return errno = ENOSPC, -1;                               \
    struct file *file = begin(fd);                                              \
    ssize_t done = call;                                                        \
    if (file && done > 0) note(file, (from) < 0 ? lseek(fd, 0, SEEK_CUR) - done : (from), done, parts); \
    if (file) end(file, fd, done > 0);                                          \
    return done

#define ONE(bytes, length) (&(struct iovec){(void *)(bytes), length})
ssize_t write(int fd, const void *bytes, size_t length) { WRITE(REAL(write)(fd, bytes, length), fd, -1, ONE(bytes, length)); }
ssize_t writev(int fd, const struct iovec *parts, int count) { WRITE(REAL(writev)(fd, parts, count), fd, -1, parts); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    WRITE(REAL(pwrite)(fd, bytes, length, at), fd, at, ONE(bytes, length));
}
ALIAS(pwrite, pwrite64);

/* Copies inside the kernel carry bytes past us; told that they are missing, callers like std::fs::copy read and write instead. */
#define BY_HAND(out, call)                                                               \
    struct file *file = begin(out);                                                      \
    return file ? end(file, out, false), errno = ENOSYS, -1 : call
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    BY_HAND(out, REAL(copy_file_range)(in, in_at, out, out_at, length, flags));
}
ssize_t sendfile(int out, int in, off_t *at, size_t length) { BY_HAND(out, REAL(sendfile)(out, in, at, length)); }
ALIAS(sendfile, sendfile64);

/* Runs a change of length and remembers the one that came of it. */
static int resized(struct file *file, int fd, int result) {
    struct stat status;
    bool changed = !result && !fstat(fd, &status);
    if (changed) note(file, status.st_size, -1, NULL);
    return end(file, fd, changed), result;
}
#define RESIZE(full, call)                        \
    if (disk_full(fd)) return full;               \
    struct file *file = begin(fd);                \
    int result = call;                            \
    return file ? resized(file, fd, result) : result
int ftruncate(int fd, off_t length) { RESIZE((errno = ENOSPC, -1), REAL(ftruncate)(fd, length)); }
int posix_fallocate(int fd, off_t at, off_t length) { RESIZE(ENOSPC, REAL(posix_fallocate)(fd, at, length)); }
int fallocate(int fd, int mode, off_t at, off_t length) {
    if (mode & ~FALLOC_FL_KEEP_SIZE) return errno = EOPNOTSUPP, -1; /* holes and zeroed ranges: as on a simpler disk */
    RESIZE((errno = ENOSPC, -1), REAL(fallocate)(fd, mode, at, length));
}
ALIAS(ftruncate, ftruncate64);
ALIAS(posix_fallocate, posix_fallocate64);
ALIAS(fallocate, fallocate64);

/* Of all openings only one that empties the file changes what survives. */
static int opened(int fd, int flags) {
    struct file *file = fd >= 0 && (flags & O_TRUNC) ? begin(fd) : NULL;
    return file ? resized(file, fd, 0) : 0, fd;
}
#define MODE(flags) ({                                                      \
    mode_t mode = 0;                                                        \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) mode = va_arg(rest, mode_t); \
    va_end(rest);                                                           \
    mode;                                                                   \
})
int open(const char *path, int flags, ...) { return opened(REAL(open)(path, flags, MODE(flags)), flags); }
int openat(int at, const char *path, int flags, ...) { return opened(REAL(openat)(at, path, flags, MODE(flags)), flags); }
ALIAS(open, open64);
ALIAS(openat, openat64);

/* Runs a call that takes the name `path` away; an inode without a name may soon be another file, so it is forgotten. */
#define REMOVE(at, path, call)                                                                     \
    if (!*durable) return call;                                                                    \
    struct stat status;                                                                            \
    pthread_mutex_lock(&lock);                                                                     \
    bool last = !fstatat(at, path, &status, AT_SYMLINK_NOFOLLOW) && status.st_nlink == 1;          \
    int result = call;                                                                             \
    if (last && !result) forget(status.st_dev, status.st_ino);                                     \
    return pthread_mutex_unlock(&lock), result
int unlink(const char *path) { REMOVE(AT_FDCWD, path, REAL(unlink)(path)); }
int remove(const char *path) { REMOVE(AT_FDCWD, path, REAL(remove)(path)); }
int unlinkat(int at, const char *path, int flags) { REMOVE(at, path, REAL(unlinkat)(at, path, flags)); }
int rename(const char *from, const char *to) { REMOVE(AT_FDCWD, to, REAL(rename)(from, to)); }
int renameat(int at, const char *from, int to_at, const char *to) { REMOVE(to_at, to, REAL(renameat)(at, from, to_at, to)); }
int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags) {
    if (flags & RENAME_EXCHANGE) return REAL(renameat2)(at, from, to_at, to, flags);
    REMOVE(to_at, to, REAL(renameat2)(at, from, to_at, to, flags));
}

static void count(int which) { __atomic_fetch_add(&counters[which], 1, __ATOMIC_RELAXED); }

static int sync_with(int (*real)(int), int fd) {
    char path[PATH_MAX];
    struct stat status;
    if (!*watched || fstat(fd, &status) || !path_of(fd, path) || !below(path)) return real(fd);
    bool directory = S_ISDIR(status.st_mode), wal = strlen(path) > 4 && !strcmp(path + strlen(path) - 4, "-wal");
    count(directory ? DIRECTORY_SYNCS : SYNCS);
    if (wal) count(WAL_SYNCS);
    bool fails = (fail_after >= 0 && counters[SYNCS] > (uint64_t)fail_after) || (fail_file && !access(fail_file, F_OK));
    bool lies = lie_file && !access(lie_file, F_OK), late = late_file && !access(late_file, F_OK);
    struct file *file = directory ? NULL : begin(fd);
    uint64_t mark = 0;
    if (file) mark = epoch++, end(file, fd, false);
    if (delay_us) ppoll(NULL, 0, &(struct timespec){delay_us / 1000000, delay_us % 1000000 * 1000}, NULL);
    while (stall_file && !access(stall_file, F_OK)) ppoll(NULL, 0, &(struct timespec){0, 1000000}, NULL);
    int result = fails ? -1 : lies ? 0 : real(fd), after = fails ? EIO : errno;
    if (fails) count(FAILED_SYNCS);
    if (file && (file = begin(fd))) {
        if (result) drop_changes(file, mark);
        else if (!lies) keep_changes(file, late ? file->promised : mark);
        file->promised = mark;
        end(file, fd, false);
    } else if (directory && *durable && !result && !lies) {
        pthread_mutex_lock(&lock);
        if (!owner) die("a second process syncs below OFFHOOK_SHIM_DIR", path);
        keep_names(path, status.st_ino);
        pthread_mutex_unlock(&lock);
    }
    errno = after;
    return result;
}
int fsync(int fd) { return sync_with(REAL(fsync), fd); }
int fdatasync(int fd) { return sync_with(REAL(fdatasync), fd); }

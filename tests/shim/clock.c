/* clock.c: somebody sets the clock of one process, while it runs.
 *
 * Put under a process with LD_PRELOAD. OFFHOOK_CLOCK is a file of one native i64, the seconds by which its time of day is set
 * forward; it is looked at each time the process asks what time it is. Clocks that only run, such as CLOCK_MONOTONIC, stay.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *set_forward;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *restrict, void *restrict);

__attribute__((constructor)) static void start(void) {
    real_clock_gettime = (__typeof__(real_clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    real_gettimeofday = (__typeof__(real_gettimeofday))dlsym(RTLD_NEXT, "gettimeofday");
    const char *path = getenv("OFFHOOK_CLOCK");
    if (!path) return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *seconds = mmap(NULL, sizeof *set_forward, PROT_READ, MAP_SHARED, fd, 0);
    if (seconds == MAP_FAILED) dprintf(2, "clock: cannot map %s\n", path), _exit(97);
    set_forward = seconds;
    close(fd);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    if (!real_clock_gettime) start(); /* asked by another library that starts before us */
    int result = real_clock_gettime(which, now);
    bool is_time_of_day = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
    if (!result && set_forward && is_time_of_day) now->tv_sec += *set_forward;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    if (!real_gettimeofday) start();
    int result = real_gettimeofday(now, zone);
    if (!result && set_forward) now->tv_sec += *set_forward;
    return result;
}

/* Faults of the disk and the clock for a program that is not changed for them.
 *
 * A file system that fails a sync on demand needs a kernel module, and the wall clock is one for the whole machine; this stands
 * between a program and its C library instead (LD_PRELOAD), so that one process of a site can be hit while the others, and
 * the test, go on. The test writes three numbers into the file that WEIR_SOAK_BOARD names, which is mapped here: a look at
 * it costs no system call, and what is written counts at once. Rust's standard library calls these functions by name.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct board {
    volatile int64_t clock_ms;    /* added to the wall clock */
    volatile int64_t sync_fails;  /* 1: files of a queue, 2: files of a store, 3: both */
    volatile int64_t write_fails; /* the same */
};

static struct board *board;

__attribute__((constructor)) static void look_at_the_board(void) {
    const char *path = getenv("WEIR_SOAK_BOARD");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *board, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) board = mapped;
    close(file);
}

static int is_hit(int file, int64_t places) {
    char name[64], path[4096];
    if (!places) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return (places & 1 && strstr(path, "/queue/")) || (places & 2 && strstr(path, "/store/"));
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF_HIT(file, which) \
    if (board && is_hit(file, board->which)) { errno = EIO; return -1; }

int fsync(int file) {
    FAIL_IF_HIT(file, sync_fails)
    return REAL(fsync)(file);
}

int fdatasync(int file) {
    FAIL_IF_HIT(file, sync_fails)
    return REAL(fdatasync)(file);
}

ssize_t write(int file, const void *bytes, size_t count) {
    FAIL_IF_HIT(file, write_fails)
    return syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    FAIL_IF_HIT(file, write_fails)
    return syscall(SYS_pwrite64, file, bytes, count, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int outcome = real(clock, now);
    if (outcome == 0 && clock == CLOCK_REALTIME && board) {
        int64_t ns = now->tv_nsec + board->clock_ms % 1000 * 1000000;
        now->tv_sec += board->clock_ms / 1000 + (ns >= 1000000000) - (ns < 0);
        now->tv_nsec = (ns + 1000000000) % 1000000000;
    }
    return outcome;
}

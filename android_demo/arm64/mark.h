/* The runners mark the begin and the end of an inference with a system call that nothing else makes; count.c sees it. */
#ifndef DPOCKET_MARK_H
#define DPOCKET_MARK_H

#include <sys/syscall.h>
#include <unistd.h>

static inline void mark(void) { syscall(SYS_getppid); }

#endif

/*
 * proc - who a process is, as /proc tells: its parent, when it began, what it runs.
 */
#ifndef NODED_ROOT_PROC_H
#define NODED_ROOT_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Parent and start (clock ticks since boot) from the text of /proc/PID/stat. The name of a
 * program is in it and may hold anything, so all is counted from its last parenthesis. */
bool proc_parse_stat(const char *text, pid_t *out_parent, uint64_t *out_start);

/* 0 when there is no such process. Number and start together are never given twice. */
pid_t proc_parent(pid_t pid);
uint64_t proc_start(pid_t pid);

/* The file that it runs, by device and inode: true as long as the process lives, whatever mount
 * namespace or chroot it is in. */
bool proc_program(pid_t pid, dev_t *out_dev, ino_t *out_ino);

/* In a child before exec: no signal is blocked, ignored or caught, whatever we do with them. */
void proc_reset_signals(void);

#endif

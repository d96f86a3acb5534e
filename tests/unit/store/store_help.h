/*
 * store_help.h - what the store's tests share: children that die with us, values
 * that tell whether they are torn, a directory of our own.
 */
#ifndef STORE_HELP_H
#define STORE_HELP_H

#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that cannot outlive a failed test. */
static inline pid_t fork_child(void)
{
	pid_t pid = fork();

	ensure(pid >= 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* How it ended: its exit code, or the signal that ended it, negative. */
static inline int ending(pid_t pid)
{
	int status;

	ensure(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Zeros that children share with us, until the program ends. */
static inline void *shared_page(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ensure(p != MAP_FAILED);
	return p;
}

static inline uint64_t mix64(uint64_t n)
{
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

/* A key as a keyed hash would give it; those of one `lane` share a shard. */
static inline struct digest test_key(uint64_t n, uint64_t lane)
{
	uint64_t words[4] = { mix64(n + 1), lane, mix64(n + 2), mix64(n + 3) };
	struct digest key;

	memcpy(key.b, words, sizeof key.b);
	return key;
}

/* A value that is its seed over and over, and whose length follows from it too. */
static inline void seed_fill(struct store_op *op, uint64_t seed, size_t max)
{
	op->len = 8 + mix64(seed) % (max / 8) * 8;
	for (size_t i = 0; i < op->len; i += 8)
		memcpy(op->value + i, &seed, 8);
}

/* The seed, or 0 if the value is torn. */
static inline uint64_t seed_of(const struct store_op *op, size_t max)
{
	uint64_t seed;

	memcpy(&seed, op->value, 8);
	if (op->len != 8 + mix64(seed) % (max / 8) * 8)
		return 0;
	for (size_t i = 8; i < op->len; i += 8)
		if (memcmp(op->value + i, &seed, 8) != 0)
			return 0;
	return seed;
}

/* Under /dev/shm, where segments live, or in /tmp. */
static inline const char *test_path(void)
{
	static char dir[64], path[96];

	if (dir[0] == '\0') {
		snprintf(dir, sizeof dir, "%s/benren-store-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		ensure(mkdtemp(dir) != NULL);
		snprintf(path, sizeof path, "%s/segment", dir);
	}
	return path;
}

static inline int remove_test_dir(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof path, "%s", test_path());
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

#endif

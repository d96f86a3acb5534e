/* Tests of the audit file: what was written is found whole, and what was changed is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/audit.h"
#include "base/json_in.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 4 << 20 };

static char dir[] = "/tmp/benren-audit-XXXXXX", file[64];
static char text[FILE_MAX];
static struct crypt *keys;
static struct audit *a;

static struct crypt *new_keys(char last)
{
	unsigned char key[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789ABCDE";

	key[CRYPT_KEY_SIZE - 1] = (unsigned char)last;
	return crypt_create(key);
}

static struct audit *open_it(void)
{
	struct audit *opened = NULL;
	const char *why;

	if (audit_open(file, keys, false, &opened, &why) != OK)
		print_error("%s\n", why);
	assert_non_null(opened);
	return opened;
}

static int set_up(void **state)
{
	(void)state;
	alarm(100); /* nothing here may hang */
	if (strcmp(dir + sizeof dir - 7, "XXXXXX") == 0)
		ensure(mkdtemp(dir) != NULL);
	snprintf(file, sizeof file, "%s/audit", dir);
	unlink(file);
	keys = new_keys('F');
	a = open_it();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	audit_close(a);
	crypt_destroy(keys);
	unlink(file);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static enum err put(struct audit *to, int writer, int n)
{
	struct log_line l;

	audit_begin(to, &l, "tried");
	log_int(&l, "writer", writer);
	log_int(&l, "n", n);
	return audit_end(to, &l);
}

static void put_lines(int from, int to)
{
	for (int i = from; i < to; i++)
		assert_int_equal(put(a, 0, i), OK);
}

static struct audit_report verify(void)
{
	struct audit_report r;

	assert_int_equal(audit_verify(file, keys, &r), OK);
	assert_true((r.what == NULL) == (r.wrong == 0));
	return r;
}

static void assert_chained(uint64_t lines)
{
	struct audit_report r = verify();

	if (r.what != NULL)
		print_error("line %d %s\n", (int)r.wrong, r.what);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.torn, 0);
	assert_int_equal(r.lines, lines);
}

static struct str read_file(void)
{
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text);

	assert_true(fd >= 0 && n >= 0 && n < (ssize_t)sizeof text);
	close(fd);
	return (struct str){ text, (size_t)n };
}

static void write_file(struct str s)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, s.p, s.len), s.len);
	close(fd);
}

static void append(const char *bytes)
{
	int fd = open(file, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	close(fd);
}

/* --- lines ------------------------------------------------------------------------ */

static void a_line_holds_what_was_put_in_and_ends_with_its_hashes(void **state)
{
	struct json_error error;
	struct arena arena;
	struct json *root;
	struct log_line l;

	(void)state;
	audit_close(a);
	const char *why;
	assert_int_equal(audit_open(file, keys, true, &a, &why), OK);
	audit_begin(a, &l, "verdict");
	log_word(&l, "verdict", "passed");
	log_digest(&l, "caller", &(struct digest){ { 0xFE } });
	assert_int_equal(audit_end(a, &l), OK);
	struct str line = read_file();
	assert_int_equal(line.p[line.len - 1], '\n');
	arena_init(&arena, 65536);
	assert_int_equal(json_parse(&arena, line, 0, &root, &error), OK);
	static const char *const names[] = { "time",   "event", "sandbox", "verdict",
					     "caller", "prev",  "mac" };
	const struct json *j = root->first;
	for (size_t i = 0; i < ARRAY_LEN(names); i++, j = j->next) {
		assert_true(str_is(j->key, names[i]));
		if (str_is(j->key, "prev") || str_is(j->key, "mac"))
			assert_true(j->str.len == 64 && str_only(j->str, "0123456789abcdef"));
	}
	assert_null(j);
	assert_true(str_only(json_get(root, "prev")->str, "0"));
	arena_finish(&arena);
	assert_chained(1);
}

static void nothing_written_is_a_chain_too(void **state)
{
	struct audit_report r;

	(void)state;
	assert_chained(0);
	assert_int_equal(audit_verify("/nonexistent/audit", keys, &r), ERR_NOT_FOUND);
	assert_int_equal(audit_verify(dir, keys, &r), ERR_SYSTEM);
}

static void a_line_that_is_too_long_is_not_written(void **state)
{
	struct log_line l;

	(void)state;
	put_lines(0, 2);
	audit_begin(a, &l, "tried");
	for (int i = 0; i < 40; i++)
		log_outside(&l, "long", STR("0123456789012345678901234567890123456789012345"));
	assert_int_equal(audit_end(a, &l), ERR_TOO_LARGE);
	put_lines(2, 3);
	assert_chained(3);
	for (int fields = 0; fields < 40; fields++) { /* each length up to the limit */
		audit_begin(a, &l, "tried");
		for (int i = 0; i < fields; i++)
			log_outside(&l, "long", STR("0123456789012345678901234567890123456789"));
		(void)!audit_end(a, &l);
		put_lines(0, 1);
	}
	assert_int_equal(verify().wrong, 0);
	assert_true(verify().lines > 3 + 40 + 20);
}

static void only_a_file_of_our_own_will_do(void **state)
{
	char link_name[80];
	struct audit *other;
	const char *why;
	struct stat st;

	(void)state;
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(link_name, sizeof link_name, "%s/link", dir);
	assert_int_equal(symlink(file, link_name), 0);
	assert_int_not_equal(audit_open(link_name, keys, false, &other, &why), OK);
	assert_non_null(strstr(why, "symbolic link"));
	unlink(link_name);
	assert_int_equal(mkfifo(link_name, 0600), 0);
	assert_int_not_equal(audit_open(link_name, keys, false, &other, &why), OK);
	assert_non_null(strstr(why, "not a regular file"));
	unlink(link_name);
	assert_int_not_equal(audit_open(dir, keys, false, &other, &why), OK);
	assert_int_not_equal(audit_open("/nonexistent/audit", keys, false, &other, &why), OK);
	assert_non_null(strstr(why, "/nonexistent/audit"));
	chmod(file, 0620);
	assert_int_equal(audit_open(file, keys, false, &other, &why), ERR_SYSTEM);
	assert_non_null(strstr(why, "mode 600"));
	chmod(file, 0640);
	assert_int_equal(audit_open(file, keys, false, &other, &why), OK);
	audit_close(other);
	audit_close(NULL);
}

/* --- what verification finds --------------------------------------------------------- */

enum { LINES = 20 };

static struct str good, lines[LINES]; /* in `good`, ends included */

static void twenty_lines(void)
{
	put_lines(0, LINES);
	struct str all = read_file();
	good.p = memcpy(malloc(all.len), all.p, all.len);
	good.len = all.len;
	const char *p = good.p;
	for (int i = 0; i < LINES; i++) {
		const char *end = (const char *)memchr(p, '\n', good.len) + 1;
		lines[i] = (struct str){ p, (size_t)(end - p) };
		p = end;
	}
}

/* Lines by number, in that order; -1 ends it. */
static void write_lines(const int *numbers)
{
	size_t n = 0;

	for (; *numbers >= 0; numbers++) {
		memcpy(text + n, lines[*numbers].p, lines[*numbers].len);
		n += lines[*numbers].len;
	}
	write_file((struct str){ text, n });
}

static void every_changed_byte_is_found(void **state)
{
	(void)state;
	twenty_lines();
	int fd = open(file, O_WRONLY);
	int line = 0;
	for (size_t i = 0; i < good.len; i++) {
		static const char flips[] = { 0x20, (char)0x81 };
		for (size_t k = 0; k < sizeof flips + 2; k++) {
			char c = k < sizeof flips    ? (char)(good.p[i] ^ flips[k])
				 : k == sizeof flips ? '\n'
						     : '\0';
			if (c == good.p[i])
				continue;
			assert_int_equal(pwrite(fd, &c, 1, (off_t)i), 1);
			struct audit_report r = verify();
			uint64_t at = r.first_torn > 0 ? r.first_torn : r.wrong;
			if (at != (uint64_t)line + 1)
				print_error("byte %zu of line %d as %02x: found at %d\n", i, line,
					    (unsigned char)c, (int)at);
			assert_int_equal(at, line + 1);
		}
		assert_int_equal(pwrite(fd, good.p + i, 1, (off_t)i), 1);
		line += good.p[i] == '\n';
	}
	close(fd);
	assert_int_equal(line, LINES);
	assert_chained(LINES);
	free((char *)good.p);
}

/* But for the last one: see audit.h. */
static void every_line_that_is_taken_out_is_found(void **state)
{
	(void)state;
	twenty_lines();
	for (int out = 0; out < LINES - 1; out++) {
		int numbers[LINES], n = 0;
		for (int i = 0; i < LINES; i++)
			if (i != out)
				numbers[n++] = i;
		numbers[n] = -1;
		write_lines(numbers);
		struct audit_report r = verify();
		assert_int_equal(r.wrong, out + 1);
		assert_non_null(strstr(r.what, "removed"));
	}
	free((char *)good.p);
}

static void every_line_that_is_moved_or_put_in_is_found(void **state)
{
	int numbers[LINES + 2];

	(void)state;
	twenty_lines();
	for (int i = 0; i < LINES; i++) {
		for (int k = i + 1; k < LINES; k++) { /* swapped */
			for (int n = 0; n < LINES; n++)
				numbers[n] = n == i ? k : n == k ? i : n;
			numbers[LINES] = -1;
			write_lines(numbers);
			assert_int_equal(verify().wrong, i + 1);
		}
		for (int k = 0; k <= LINES; k++) { /* line i once more, before line k */
			for (int n = 0; n <= LINES; n++)
				numbers[n] = n < k ? n : n == k ? i : n - 1;
			numbers[LINES + 1] = -1;
			write_lines(numbers);
			assert_int_equal(verify().wrong, k == i ? k + 2 : k + 1);
		}
	}
	free((char *)good.p);
}

static void a_line_of_another_pool_is_found(void **state)
{
	struct crypt *ours = keys;

	(void)state;
	put_lines(0, 3);
	audit_close(a);
	keys = new_keys('G');
	a = open_it();
	put_lines(3, 4);
	assert_int_equal(verify().wrong, 1); /* with the other key all of ours are wrong */
	crypt_destroy(keys);
	keys = ours;
	assert_int_equal(verify().wrong, 4);
	audit_close(a);
	a = open_it();
	put_lines(4, 5);
	assert_int_equal(verify().wrong, 4);
}

static void two_files_put_together_are_found(void **state)
{
	(void)state;
	put_lines(0, 3);
	struct str one = read_file();
	memcpy(text + one.len, one.p, one.len);
	write_file((struct str){ text, 2 * one.len });
	struct audit_report r = verify();
	assert_int_equal(r.wrong, 4);
	assert_non_null(strstr(r.what, "first of a file"));
}

static void what_is_no_audit_file_is_wrong_from_the_start(void **state)
{
	static char junk[3 * AUDIT_LINE_MAX];

	(void)state;
	append("hello\n\n");
	assert_int_equal(verify().first_torn, 1);
	assert_int_equal(verify().torn, 2);
	put_lines(0, 1);
	assert_int_equal(verify().torn, 2);
	memset(junk, 'x', sizeof junk - 1);
	append(junk);
	assert_int_equal(verify().wrong, 4);
	put_lines(1, 2); /* somebody else's mess does not stop us */
	assert_int_equal(verify().wrong, 4);
}

/* --- torn lines ------------------------------------------------------------------------ */

static void the_chain_goes_on_over_a_torn_line(void **state)
{
	(void)state;
	for (size_t cut = 1;; cut++) {
		write_file(STR_NONE);
		put_lines(0, 3);
		struct str all = read_file();
		size_t last = all.len / 3;
		if (cut > last)
			break;
		assert_int_equal(truncate(file, (off_t)(all.len - cut)), 0);
		struct audit_report r = verify();
		assert_int_equal(r.wrong, 0);
		assert_int_equal(r.torn, cut == last ? 0 : 1);
		assert_int_equal(r.first_torn, cut == last ? 0 : 3);
		put_lines(3, 6);
		r = verify();
		assert_int_equal(r.wrong, 0);
		/* Where the line end alone was missing, it is whole again. */
		assert_int_equal(r.torn, cut == last || cut == 1 ? 0 : 1);
		assert_int_equal(r.lines, cut == last ? 5 : 6);
	}
	/* And a torn line cannot be changed unseen, once it is chained over. */
	put_lines(3, 4);
	append("{\"torn");
	put_lines(4, 6);
	assert_int_equal(verify().wrong, 0);
	assert_int_equal(verify().first_torn, 5);
	struct str all = read_file();
	char *torn = memmem(text, all.len, "{\"torn", 6);
	torn[3] = 'T';
	write_file(all);
	assert_int_equal(verify().first_torn, 5);
	assert_int_equal(verify().wrong, 6);
}

/* A file that may have so many bytes: what does not fit is not there at all. */
static void a_full_disk_leaves_no_half_line(void **state)
{
	struct rlimit old, less;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	put_lines(0, 3);
	struct str all = read_file();
	getrlimit(RLIMIT_FSIZE, &old);
	less = old;
	for (rlim_t room = 0; room < all.len / 3; room += 7) {
		less.rlim_cur = all.len + room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
		enum err err = put(a, 0, 3);
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(err, ERR_FULL);
		assert_int_equal(read_file().len, all.len);
		assert_chained(3);
	}
	put_lines(3, 5);
	assert_chained(5);
	signal(SIGXFSZ, SIG_DFL);
}

/* --- rotation ------------------------------------------------------------------------------ */

static void a_rotated_file_is_whole_and_the_next_one_begins_anew(void **state)
{
	char old[80];

	(void)state;
	snprintf(old, sizeof old, "%s.1", file);
	put_lines(0, 3);
	assert_int_equal(rename(file, old), 0);
	put_lines(3, 5); /* until it is told */
	assert_int_not_equal(access(file, F_OK), 0);
	assert_int_equal(audit_reopen(a), OK);
	put_lines(5, 6);
	assert_chained(1);
	assert_int_equal(rename(old, file), 0);
	assert_chained(5);
	assert_int_equal(audit_reopen(a), OK);
	put_lines(6, 7);
	assert_chained(6); /* a file that is there goes on */
	assert_int_equal(truncate(file, 0), 0);
	put_lines(7, 9);
	assert_chained(2);
}

static void a_file_that_cannot_be_opened_again_leaves_the_old_one_in_use(void **state)
{
	char old[80];

	(void)state;
	snprintf(old, sizeof old, "%s.1", file);
	put_lines(0, 1);
	assert_int_equal(rename(file, old), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_not_equal(audit_reopen(a), OK);
	put_lines(1, 2);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rename(old, file), 0);
	assert_chained(2);
}

/* Not rotated, removed: no verdict goes into a file that is nowhere. */
static void a_removed_file_is_made_anew(void **state)
{
	(void)state;
	put_lines(0, 3);
	unlink(file);
	put_lines(3, 5);
	assert_chained(2);
	unlink(file);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(put(a, 0, 5), ERR_SYSTEM);
	assert_int_equal(rmdir(file), 0);
	put_lines(5, 6);
	assert_chained(1);
}

/* --- several processes ------------------------------------------------------------------------ */

enum { WRITERS = 8, WRITES = 200 };

static struct shared {
	unsigned written[WRITERS]; /* by each: lines that were acknowledged */
} * shared;

/* Until it is killed, if `most` is endless. */
static void write_many(int writer, int most)
{
	struct audit *mine = open_it(); /* a lock belongs to an open file: one for each process */

	for (int i = 0; i < most;) {
		enum err err = put(mine, writer, i);
		if (err != OK && err != ERR_BUSY)
			_exit(1);
		if (err != OK)
			continue;
		__atomic_add_fetch(&shared->written[writer], 1, __ATOMIC_SEQ_CST);
		i++;
	}
	_exit(0);
}

static pid_t start_writer(int writer, int most)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		write_many(writer, most);
	return pid;
}

static int ending(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static uint64_t acknowledged(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < WRITERS; i++)
		sum += __atomic_load_n(&shared->written[i], __ATOMIC_SEQ_CST);
	return sum;
}

static void share(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ensure(shared != MAP_FAILED);
}

static void eight_processes_write_one_chain(void **state)
{
	pid_t pids[WRITERS];

	(void)state;
	share();
	for (int i = 0; i < WRITERS; i++)
		pids[i] = start_writer(i, WRITES);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(ending(pids[i]), 0);
	assert_int_equal(acknowledged(), WRITERS * WRITES);
	assert_chained(WRITERS * WRITES);
	munmap(shared, sizeof *shared);
}

/*
 * Every line that was acknowledged is there; a killed writer's last one is there or not,
 * or torn: the kernel may stop between two pages.
 */
static void kill_9_breaks_no_chain(void **state)
{
	enum { ROUNDS = 25, KILLED = WRITERS - 2 };
	struct audit_report r;

	(void)state;
	share();
	for (unsigned round = 0; round < ROUNDS; round++) {
		pid_t pids[WRITERS];
		for (int i = 0; i < WRITERS; i++)
			pids[i] = start_writer(i, i < KILLED ? INT_MAX : WRITES);
		for (unsigned i = 0; i < KILLED; i++) {
			pause_us(300 + 977 * ((round * 7 + i * 3) % 11));
			kill(pids[i], SIGKILL);
		}
		for (int i = 0; i < WRITERS; i++)
			assert_int_equal(ending(pids[i]), i < KILLED ? -SIGKILL : 0);
		unsigned deaths = (round + 1) * KILLED;
		r = verify();
		assert_int_equal(r.wrong, 0);
		assert_in_range(r.torn, 0, deaths);
		assert_in_range(r.lines - r.torn, acknowledged(), acknowledged() + deaths);
	}
	print_message("%d writers killed, %d lines acknowledged, %d there, %d torn\n",
		      ROUNDS * KILLED, (int)acknowledged(), (int)r.lines, (int)r.torn);
	munmap(shared, sizeof *shared);
}

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void a_stopped_holder_of_the_lock_keeps_nobody_waiting(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int fd = open(file, O_RDWR);
		flock(fd, LOCK_EX);
		raise(SIGSTOP);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));

	int64_t began = monotonic_ms();
	assert_int_equal(put(a, 0, 0), ERR_BUSY);
	assert_in_range(monotonic_ms() - began, 198, 400);
	began = monotonic_ms();
	for (int i = 0; i < 100; i++) /* it does not get the 200 ms a second time */
		assert_int_equal(put(a, 0, i), ERR_BUSY);
	assert_in_range(monotonic_ms() - began, 0, 100);
	assert_chained(0);

	kill(pid, SIGCONT);
	assert_int_equal(ending(pid), 0);
	put_lines(0, 2);
	assert_chained(2);
}

/* --- which verdict counts ----------------------------------------------------------------- */

/* Its "mac". */
static struct digest put_verdict(uint8_t session, int attempt, const char *consent)
{
	struct log_line l;

	audit_begin(a, &l, "verdict");
	log_digest(&l, "session", &(struct digest){ { session } });
	if (attempt > 0)
		log_int(&l, "attempt", attempt);
	log_word(&l, "consent", consent);
	assert_int_equal(audit_end(a, &l), OK);
	return *audit_last_mac(a);
}

static void take_back(uint8_t session, struct digest mac)
{
	struct log_line l;

	audit_begin(a, &l, "unsettled");
	log_digest(&l, "session", &(struct digest){ { session } });
	log_digest(&l, "takes_back", &mac);
	assert_int_equal(audit_end(a, &l), OK);
}

static void assert_repeats(const struct audit_repeat *wanted, size_t n)
{
	struct audit_report r = verify();

	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.repeat_nr, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(r.repeats[i].line, wanted[i].line);
		assert_int_equal(r.repeats[i].counts, wanted[i].counts);
	}
}

static void of_a_sessions_verdicts_the_last_attempt_counts_and_then_the_last_line(void **state)
{
	static const struct audit_repeat wanted[] = { { 1, 4 }, { 3, 4 }, { 6, 5 }, { 7, 8 } };

	(void)state;
	put_verdict(1, 1, "");
	put_verdict(2, 1, "");
	put_verdict(1, 1, "");
	put_verdict(1, 1, "");
	put_verdict(3, 2, "");
	put_verdict(3, 1, "");
	put_verdict(4, 0, ""); /* of a version that wrote no attempt */
	put_verdict(4, 0, "");
	assert_repeats(wanted, ARRAY_LEN(wanted));
}

static void what_was_taken_back_does_not_count_and_is_no_repeat(void **state)
{
	static const struct audit_repeat wanted[] = { { 6, 7 } };

	(void)state;
	put_verdict(1, 1, "");
	struct digest second = put_verdict(1, 1, "");
	take_back(1, second);
	struct digest alone = put_verdict(2, 1, "");
	take_back(2, alone);
	put_verdict(3, 1, "");
	put_verdict(3, 2, "");
	struct digest third = put_verdict(3, 3, "");
	take_back(3, third);
	assert_repeats(wanted, ARRAY_LEN(wanted));
}

static void a_text_that_looks_like_a_member_is_none(void **state)
{
	(void)state;
	put_verdict(1, 1, ",\"attempt\":9,\"takes_back\":\"");
	put_verdict(2, 1, ",\"session\":\"0100\"");
	assert_repeats(NULL, 0);
}

static void of_thousands_each_repeat_is_found(void **state)
{
	enum { SESSIONS = 200, TIMES = 20 };

	(void)state;
	for (int i = 0; i < SESSIONS * TIMES; i++)
		put_verdict((uint8_t)(i % SESSIONS), i / SESSIONS + 1, "");
	struct audit_report r = verify();
	assert_int_equal(r.repeat_nr, SESSIONS * (TIMES - 1));
	for (size_t i = 0; i < r.repeat_nr; i++) {
		assert_int_equal(r.repeats[i].line, i + 1);
		assert_int_equal(r.repeats[i].counts, SESSIONS * (TIMES - 1) + i % SESSIONS + 1);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_holds_what_was_put_in_and_ends_with_its_hashes),
		TEST(nothing_written_is_a_chain_too),
		TEST(a_line_that_is_too_long_is_not_written),
		TEST(only_a_file_of_our_own_will_do),
		TEST(every_changed_byte_is_found),
		TEST(every_line_that_is_taken_out_is_found),
		TEST(every_line_that_is_moved_or_put_in_is_found),
		TEST(a_line_of_another_pool_is_found),
		TEST(two_files_put_together_are_found),
		TEST(what_is_no_audit_file_is_wrong_from_the_start),
		TEST(the_chain_goes_on_over_a_torn_line),
		TEST(a_full_disk_leaves_no_half_line),
		TEST(a_rotated_file_is_whole_and_the_next_one_begins_anew),
		TEST(a_file_that_cannot_be_opened_again_leaves_the_old_one_in_use),
		TEST(a_removed_file_is_made_anew),
		TEST(eight_processes_write_one_chain),
		TEST(kill_9_breaks_no_chain),
		TEST(of_a_sessions_verdicts_the_last_attempt_counts_and_then_the_last_line),
		TEST(what_was_taken_back_does_not_count_and_is_no_repeat),
		TEST(a_text_that_looks_like_a_member_is_none),
		TEST(of_thousands_each_repeat_is_found),
		TEST(a_stopped_holder_of_the_lock_keeps_nobody_waiting),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, remove_dir);
}

/* Tests of log lines: one event is one line of JSON, whatever stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_in.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/benren-log-XXXXXX", file[64];
static char text[1 << 20];
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	if (strcmp(dir + sizeof dir - 7, "XXXXXX") == 0)
		ensure(mkdtemp(dir) != NULL);
	snprintf(file, sizeof file, "%s/log", dir);
	unlink(file);
	arena_init(&arena, sizeof text * 8);
	return log_open(file, LOG_DEBUG, false) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_finish(&arena);
	unlink(file);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* All that was written; the number of lines in *ret_lines. */
static struct str written(unsigned *ret_lines)
{
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text);

	assert_true(fd >= 0 && n >= 0);
	close(fd);
	*ret_lines = 0;
	for (ssize_t i = 0; i < n; i++)
		*ret_lines += text[i] == '\n';
	assert_true(n == 0 || text[n - 1] == '\n');
	return (struct str){ text, (size_t)n };
}

/* The n-th line, which has to be an object. */
static const struct json *line(unsigned n)
{
	struct json_error error;
	struct json *root;
	unsigned lines;
	struct str all = written(&lines);

	assert_true(n < lines);
	while (n-- > 0) {
		const char *end = memchr(all.p, '\n', all.len);
		all.len -= (size_t)(end + 1 - all.p);
		all.p = end + 1;
	}
	all.len = (size_t)((const char *)memchr(all.p, '\n', all.len) - all.p);
	assert_int_equal(json_parse(&arena, all, 0, &root, &error), OK);
	assert_int_equal(root->type, JSON_OBJECT);
	return root;
}

static const char *member(const struct json *root, const char *key)
{
	const struct json *j = json_get_type(root, key, JSON_STRING);

	assert_non_null(j);
	return j->str.p;
}

static void a_line_has_time_level_event_and_pid(void **state)
{
	struct log_line l;

	(void)state;
	log_begin(&l, LOG_WARN, "tried");
	log_word(&l, "word", "x");
	log_int(&l, "n", -7);
	log_bool(&l, "b", true);
	log_digest(&l, "d", &(struct digest){ { 0xAB, 1 } });
	log_end(&l);
	const struct json *root = line(0);
	assert_string_equal(member(root, "level"), "warn");
	assert_string_equal(member(root, "event"), "tried");
	assert_int_equal(json_get_type(root, "pid", JSON_INT)->num, getpid());
	assert_int_equal(json_get_type(root, "n", JSON_INT)->num, -7);
	assert_int_equal(json_get_type(root, "b", JSON_BOOL)->num, 1);
	assert_int_equal(strlen(member(root, "d")), 64);
	assert_int_equal(strncmp(member(root, "d"), "ab01000", 7), 0);
	assert_null(json_get(root, "sandbox"));
	const char *time = member(root, "time"); /* 2026-11-21T04:13:00.123Z */
	assert_int_equal(strlen(time), 24);
	assert_true(time[10] == 'T' && time[19] == '.' && time[23] == 'Z');
}

static void a_sandbox_marks_every_line(void **state)
{
	(void)state;
	assert_int_equal(log_open(file, LOG_DEBUG, true), OK);
	log_text(LOG_INFO, "one", "%d", 1);
	log_text(LOG_ERROR, "two", "%d", 2);
	assert_int_equal(json_get_type(line(0), "sandbox", JSON_BOOL)->num, 1);
	assert_int_equal(json_get_type(line(1), "sandbox", JSON_BOOL)->num, 1);
}

static void less_severe_lines_are_not_written(void **state)
{
	unsigned lines;

	(void)state;
	for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
		unlink(file);
		assert_int_equal(log_open(file, (enum log_level)least, false), OK);
		for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
			struct log_line l;
			log_text((enum log_level)level, "e", "x");
			log_begin(&l, (enum log_level)level, "e");
			log_outside(&l, "k", STR("x"));
			log_end(&l);
		}
		written(&lines);
		assert_int_equal(lines, 2 * (LOG_LEVEL_NR - least));
	}
}

/* T18 */
static const struct str injections[] = {
	STR("\r\n{\"level\":\"error\",\"event\":\"forged\"}"),
	STR("\n"),
	STR("\r"),
	STR("\"}\n{\"a\":\""),
	STR("\\\"}"),
	STR("a\0b"),
	STR("\0"),
	STR("\x01\x02\x1b[31m\x7f"),
	STR("\xE2\x80\xA8 \xE2\x80\xA9"),
	STR("\xC2\x85\xC2\x9B"),
	STR("\x80\xFF\xC0\xAF"),
	STR("\xED\xA0\x80"),
	STR("\xF4\x90\x80\x80"),
	STR("\xE5\xBC"),
	STR("张三"),
	STR(""),
	STR("\t"),
	STR("%s%n"),
	STR("</script>"),
};

static void nothing_from_outside_begins_a_line(void **state)
{
	unsigned lines;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(injections); i++) {
		struct log_line l;
		log_begin(&l, LOG_INFO, "tried");
		log_outside(&l, "text", injections[i]);
		log_end(&l);
	}
	struct str all = written(&lines);
	assert_int_equal(lines, ARRAY_LEN(injections));
	assert_true(str_utf8(all));
	for (size_t i = 0; i < all.len; i++)
		assert_true((unsigned char)all.p[i] >= 0x20 || all.p[i] == '\n');
	assert_null(memmem(all.p, all.len, "\xE2\x80\xA8", 3));
	assert_null(memmem(all.p, all.len, "\x7f", 1));
	for (unsigned n = 0; n < lines; n++) {
		assert_string_equal(member(line(n), "event"), "tried");
		assert_int_equal(line(n)->count, 5);
	}
	assert_string_equal(member(line(14), "text"), "张三");
	assert_string_equal(member(line(5), "text"), "a?b");
	assert_string_equal(member(line(13), "text"), "??");
}

static void texts_from_outside_are_cut_between_characters(void **state)
{
	static char outside[600];

	(void)state;
	for (size_t lead = 0; lead < 3; lead++) {
		struct log_line l;
		memset(outside, 'a', lead);
		for (size_t i = lead; i + 3 < sizeof outside; i += 3)
			memcpy(outside + i, "张", 3);
		log_begin(&l, LOG_INFO, "tried");
		log_outside(&l, "text", (struct str){ outside, 597 });
		log_end(&l);
		const struct json *j = json_get_type(line((unsigned)lead), "text", JSON_STRING);
		assert_true(j->str.len <= LOG_OUTSIDE_MAX && j->str.len > LOG_OUTSIDE_MAX - 3);
		assert_null(strchr(j->str.p, '?'));
	}
	struct log_line l;
	memset(outside, 'b', sizeof outside);
	log_begin(&l, LOG_INFO, "tried");
	log_outside(&l, "text", (struct str){ outside, LOG_OUTSIDE_MAX + 1 });
	log_end(&l);
	assert_int_equal(json_get(line(3), "text")->str.len, LOG_OUTSIDE_MAX);
}

static void a_message_is_one_line_however_long(void **state)
{
	static char longer[2000];
	unsigned lines;

	(void)state;
	memset(longer, 'x', sizeof longer - 1);
	memcpy(longer, "a\nb\r", 4);
	log_text(LOG_INFO, "tried", "%s", longer);
	written(&lines);
	assert_int_equal(lines, 1);
	assert_true(json_get(line(0), "text")->str.len <= 512);
	assert_memory_equal(member(line(0), "text"), "a?b?xx", 6);
}

static void a_rotated_file_is_opened_again(void **state)
{
	char old[80];
	struct stat st;
	unsigned lines;

	(void)state;
	snprintf(old, sizeof old, "%s.1", file);
	log_text(LOG_INFO, "before", "x");
	assert_int_equal(rename(file, old), 0);
	log_text(LOG_INFO, "still", "x");
	assert_int_not_equal(access(file, F_OK), 0);
	assert_int_equal(log_reopen(), OK);
	log_text(LOG_INFO, "after", "x");
	written(&lines);
	assert_int_equal(lines, 1);
	assert_string_equal(member(line(0), "event"), "after");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0027, 0);
	unlink(old);
}

static void a_file_that_cannot_be_opened_is_told(void **state)
{
	(void)state;
	assert_int_equal(log_open("/nonexistent/benren/log", LOG_INFO, false), ERR_SYSTEM);
	assert_int_equal(log_open(file, LOG_DEBUG, false), OK);
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_int_equal(log_level_of(STR("debug")), LOG_DEBUG);
	assert_int_equal(log_level_of(STR("info")), LOG_INFO);
	assert_int_equal(log_level_of(STR("warn")), LOG_WARN);
	assert_int_equal(log_level_of(STR("error")), LOG_ERROR);
	assert_int_equal(log_level_of(STR("INFO")), LOG_LEVEL_NR);
	assert_int_equal(log_level_of(STR_NONE), LOG_LEVEL_NR);
}

/* A child logs into what nobody reads; 0: it came through, and counted what it dropped. */
static int log_into(int fd, const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		alarm(5);
		dup2(fd, STDERR_FILENO);
		if (log_open(path, LOG_INFO, false) != OK)
			_exit(2);
		for (int i = 0; i < 5000; i++)
			log_text(LOG_INFO, "flood", "%0200d", i);
		_exit(log_dropped() > 1000 && log_dropped() < 5000 ? 0 : 3);
	}
	ensure(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void a_full_pipe_drops_lines_and_never_waits(void **state)
{
	int pipes[2], pair[2];
	char half[65536];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(log_into(pipes[1], NULL), 0);
	/* What did get in are whole lines. */
	ssize_t n = read(pipes[0], half, sizeof half);
	assert_true(n > 4096 && half[n - 1] == '\n');
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(log_into(pair[1], NULL), 0);
	close(pair[0]);
	close(pair[1]);
	unlink(file); /* a named pipe as the file */
	assert_int_equal(mkfifo(file, 0600), 0);
	int reader = open(file, O_RDONLY | O_NONBLOCK);
	assert_int_equal(log_into(STDERR_FILENO, file), 0);
	close(reader);
}

static void whoever_shares_standard_error_keeps_his_own_flags(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(log_into(pipes[1], NULL), 0);
	assert_int_equal(fcntl(pipes[1], F_GETFL) & O_NONBLOCK, 0);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- a full disk ---- */

/* The disk is full when the file has so many bytes: a write gets in up to there. */
static void disk_of(rlim_t bytes)
{
	struct rlimit size;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &size), 0);
	size.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &size), 0);
}

static size_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return (size_t)st.st_size;
}

static void append_as_another_worker(const char *words)
{
	int fd = open(file, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, words, strlen(words)), (ssize_t)strlen(words));
	close(fd);
}

/* So much of the second line gets in, and nothing of the third. */
static void tear_second_line(size_t part)
{
	log_text(LOG_INFO, "first", "x");
	size_t size = file_size();
	disk_of(size + part);
	log_text(LOG_INFO, "torn", "x");
	assert_int_equal(file_size(), size + part);
	log_text(LOG_INFO, "lost", "x");
	assert_int_equal(file_size(), size + part);
	disk_of(RLIM_INFINITY);
}

static void after_a_torn_line_the_next_one_begins_anew(void **state)
{
	unsigned lines;

	(void)state;
	for (size_t part = 1; part < 60; part++) {
		uint64_t dropped = log_dropped();
		unlink(file);
		assert_int_equal(log_open(file, LOG_DEBUG, false), OK);
		tear_second_line(part);
		log_text(LOG_INFO, "next", "x");
		written(&lines);
		assert_in_range(lines, 3, 4); /* how many were dropped is said once a second */
		assert_string_equal(member(line(0), "event"), "first");
		assert_string_equal(member(line(2), "event"), "next");
		assert_int_equal(log_dropped() - dropped, 2);
	}
}

static void a_torn_line_ends_before_another_worker_writes(void **state)
{
	unsigned lines;

	(void)state;
	tear_second_line(20);
	append_as_another_worker("{\"event\":\"other\"}\n");
	log_text(LOG_INFO, "next", "x");
	written(&lines);
	assert_in_range(lines, 4, 5);
	assert_string_equal(member(line(2), "event"), "other");
	assert_string_equal(member(line(3), "event"), "next");
}

static void standard_error_in_a_file_gets_the_end_with_the_next_line(void **state)
{
	unsigned lines;

	(void)state;
	int old = dup(STDERR_FILENO), fd = open(file, O_WRONLY | O_APPEND);
	dup2(fd, STDERR_FILENO);
	close(fd);
	assert_int_equal(log_open(NULL, LOG_DEBUG, false), OK);
	tear_second_line(20);
	log_text(LOG_INFO, "next", "x");
	assert_int_equal(log_open(file, LOG_DEBUG, false), OK);
	dup2(old, STDERR_FILENO);
	close(old);
	written(&lines);
	assert_in_range(lines, 3, 4);
	assert_string_equal(member(line(2), "event"), "next");
}

static void how_many_lines_are_missing_is_said_with_the_next_one(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork(); /* its first fault, so nothing was said a moment ago */
	if (pid == 0) {
		tear_second_line(20);
		log_text(LOG_INFO, "next", "x");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(member(line(2), "event"), "next");
	assert_string_equal(member(line(3), "event"), "log");
	assert_int_equal(strncmp(member(line(3), "text"), "2 lines could not", 17), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_time_level_event_and_pid, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_sandbox_marks_every_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(less_severe_lines_are_not_written, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nothing_from_outside_begins_a_line, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(texts_from_outside_are_cut_between_characters,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_is_one_line_however_long, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_rotated_file_is_opened_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_is_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(levels_have_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_pipe_drops_lines_and_never_waits, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			how_many_lines_are_missing_is_said_with_the_next_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(after_a_torn_line_the_next_one_begins_anew, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_torn_line_ends_before_another_worker_writes,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			standard_error_in_a_file_gets_the_end_with_the_next_line, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(whoever_shares_standard_error_keeps_his_own_flags,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, remove_dir);
}

/* CGI as mod_cgid does it: one socket is standard input and output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/loop.h"
#include "web/cgi.h"
#include "web/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct script {
	struct loop *loop;
	const char *length; /* CONTENT_LENGTH, NULL for none */
	bool many;          /* parameters, more than we take */
	bool away;          /* does not start */
};

static void handle(struct req *r)
{
	reply_reason(r, web_reason(REASON_OK), NULL);
}

static void on_answered(void *app)
{
	struct script *s = app;

	loop_stop(s->loop);
}

/* The process: its status is 0 whatever it answered. */
static _Noreturn void run(struct script *s)
{
	struct cgi_conf conf = {
		.handle = handle,
		.app = s,
		.request_ms = 2000,
		.answered = on_answered,
	};
	char name[16];

	clearenv();
	setenv("REQUEST_METHOD", "POST", 1);
	setenv("SCRIPT_NAME", "/x/verify", 1);
	if (s->length != NULL)
		setenv("CONTENT_LENGTH", s->length, 1);
	for (int i = 0; s->many && i < 200; i++) {
		snprintf(name, sizeof name, "P%d", i);
		setenv(name, "", 1);
	}
	if (s->away) {
		cgi_away();
		_exit(0);
	}
	s->loop = loop_create();
	struct cgi *c = cgi_create(s->loop, &conf);
	loop_run(s->loop);
	cgi_destroy(c);
	loop_destroy(s->loop);
	_exit(0);
}

static pid_t start(struct script *s, int *ret_fd)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(pair[1], STDIN_FILENO);
		dup2(pair[1], STDOUT_FILENO);
		close(pair[0]);
		close(pair[1]);
		run(s);
	}
	close(pair[1]);
	*ret_fd = pair[0];
	return pid;
}

/* Status of the answer to a body of so many bytes, -1 if the connection was reset. */
static int answer_to(struct script s, size_t body)
{
	char buf[65536] = { 0 };
	size_t n = 0;
	int fd, status;
	pid_t pid = start(&s, &fd);

	assert_true(send(fd, buf, body, MSG_NOSIGNAL) == (ssize_t)body);
	shutdown(fd, SHUT_WR);
	waitpid(pid, &status, 0); /* mod_cgid may be late */
	assert_int_equal(status, 0);
	ssize_t got;
	while ((got = read(fd, buf + n, sizeof buf - 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	if (got < 0)
		return -1;
	buf[n] = '\0';
	assert_true(n > 0 && buf[n - 1] == '}');
	assert_memory_equal(buf, "Status: ", 8);
	return atoi(buf + 8);
}

static void a_refusal_reaches_the_client_whatever_was_sent(void **state)
{
	(void)state;
	assert_int_equal(answer_to((struct script){ .length = "10" }, 10), 200);
	assert_int_equal(answer_to((struct script){ .length = "16384" }, 16384), 200);
	assert_int_equal(answer_to((struct script){ .length = "60000" }, 60000), 413);
	assert_int_equal(answer_to((struct script){ .length = NULL }, 60000), 413);
	assert_int_equal(answer_to((struct script){ .length = "20000", .many = true }, 20000), 431);
	assert_int_equal(answer_to((struct script){ .length = "20000", .away = true }, 20000), 503);
}

static void a_body_that_was_not_announced_is_left_alone(void **state)
{
	struct script s = { .length = "3" };
	char buf[1024];
	int fd, status;
	pid_t pid = start(&s, &fd);

	(void)state;
	assert_int_equal(send(fd, "abc", 3, MSG_NOSIGNAL), 3); /* and the end never comes */
	assert_true(read(fd, buf, sizeof buf) > 8);
	assert_memory_equal(buf, "Status: 200", 11);
	close(fd);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_reaches_the_client_whatever_was_sent),
		cmocka_unit_test(a_body_that_was_not_announced_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

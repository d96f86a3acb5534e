/* Addresses: which may be listened on, and how to say them. */
#include "listen.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, HOST_MAX = 255 };

static bool refuse(const char *text, const char *why)
{
	fprintf(stderr, "benren-sim: cannot listen on %s: %s\n", text, why);
	return false;
}

/* "HOST:PORT" or "[HOST]:PORT". */
static bool split(const char *text, char host[HOST_MAX + 1], const char **ret_port)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text || colon[1] == '\0')
		return false;
	struct str name = { text, (size_t)(colon - text) };
	if (name.p[0] == '[' && name.p[name.len - 1] == ']')
		name = (struct str){ name.p + 1, name.len - 2 };
	if (name.len == 0 || name.len > HOST_MAX)
		return false;
	memcpy(host, name.p, name.len);
	host[name.len] = '\0';
	*ret_port = colon + 1;
	return true;
}

static bool is_loopback(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)addr;
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	const struct sockaddr_in6 *in6 = (const void *)addr;
	return addr->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int open_socket(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static bool write_name(struct listening *l)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	char host[INET6_ADDRSTRLEN], port[8];

	if (getsockname(l->fd, (struct sockaddr *)&addr, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	snprintf(l->name, sizeof l->name, l->ipv6 ? "[%s]:%s" : "%s:%s", host, port);
	return true;
}

static bool open_address(struct listening *ret_l, const char *text, bool any_address,
			 const struct addrinfo *a)
{
	if (!any_address && !is_loopback(a->ai_addr))
		return refuse(text, "other machines could reach it; --any-address allows that");
	struct listening l = { .fd = open_socket(a), .ipv6 = a->ai_family == AF_INET6 };
	if (l.fd < 0)
		return refuse(text, strerror(errno));
	if (!write_name(&l)) {
		close(l.fd);
		return refuse(text, "its own address cannot be told");
	}
	*ret_l = l;
	return true;
}

bool listen_open(struct listening *ret_l, const char *text, bool any_address)
{
	const struct addrinfo wanted = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found;
	char host[HOST_MAX + 1];
	const char *port;

	if (!split(text, host, &port))
		return refuse(text, "give it as 127.0.0.1:8443 or [::1]:8443");
	int error = getaddrinfo(host, port, &wanted, &found);
	if (error != 0)
		return refuse(text, gai_strerror(error));
	bool opened = open_address(ret_l, text, any_address, found);
	freeaddrinfo(found);
	return opened;
}

/*
 * early_openssl.c - a library that uses OpenSSL before main(), as libssh does, which
 * some systems' libcurl is linked with: preloaded by test_start.py.
 */
#include <openssl/bn.h>

__attribute__((constructor)) static void use(void)
{
	BN_free(BN_new());
}

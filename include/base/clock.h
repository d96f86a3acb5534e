/*
 * clock.h - the two clocks.
 *
 * What expires is counted on the boot clock, which no operator and no NTP can
 * set back; the wall clock is only for logs and for what WeChat writes.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_boot_ms(void); /* milliseconds since the machine started, sleep included */
int64_t clock_wall_ms(void); /* milliseconds since 1970, UTC */

/* Added to the boot clock of this process; for tests of what expires. */
extern int64_t clock_skew_ms;

#endif

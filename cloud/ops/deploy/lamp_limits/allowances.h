/* What each lamp may publish: a token bucket for each one that published lately. */
#ifndef ALLOWANCES_H
#define ALLOWANCES_H

#include <stdbool.h>

/* Allow each lamp `burst` messages at once, and `rate` messages a second in the long run. Return false without memory. */
bool begin_allowances(double burst, double rate);

/* Count a message, and return whether the lamp may publish it. The log names a lamp that exceeds its allowance. */
bool may_publish(const char *username);

/* Free the memory of all allowances. */
void end_allowances(void);

#endif

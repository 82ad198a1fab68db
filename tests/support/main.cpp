#define CATCH_CONFIG_MAIN
#include "tests/support/plain_test.h"

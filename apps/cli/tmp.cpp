#include "apps/training/task.h"

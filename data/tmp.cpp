#include "data/files/files.h"

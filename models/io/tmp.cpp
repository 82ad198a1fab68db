#include "models/io/state_dict.h"
#include <torch/torch.h>

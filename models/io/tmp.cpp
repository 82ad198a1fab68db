#include <torch/torch.h>
#include "models/io/state_dict.h"
